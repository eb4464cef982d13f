"""The steps of a reproduction: source, data set, descriptions, store, training, Table 1, page, model with its card."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from dora import XP

from dataset_builder.llm.prices import PRICES, price_of

from ...weights.known_files import CLAP, PASST
from .. import doctor
from . import estimates, slakh_archive
from .settings import TEMPLATE, ReproductionSettings
from .step import Lack, Step, Takes

BUILDER = ("python", "-m", "dataset_builder")


def steps_of(settings: ReproductionSettings) -> list[Step]:
    """All steps, in their order."""
    source = _source(settings) if settings.scale == "paper" else []
    described = [_describe(settings)] if settings.described_by != TEMPLATE else []
    trained = [_prepare(settings), _train(settings)]
    return [*source, _build(settings), *described, *trained, *_shown(settings)]


def _root(settings: ReproductionSettings) -> Path:
    return settings.root or settings.out / "slakh2100_flac_redux"


def _source(settings: ReproductionSettings) -> list[Step]:
    root = _root(settings)
    archive = settings.archive or settings.out / slakh_archive.NAME
    unpacked = [] if settings.root else slakh_archive.steps(archive, root, settings.fetch)
    count = Step(
        "count", "counts of the source beside the paper's", (*BUILDER, "plan", "--root", str(root)),
        Takes(0.1, rule="metadata of 1,710 tracks"),
        lacks=lambda: slakh_archive.lacking(root) if settings.root and not settings.part else (),
    )  # fmt: skip
    return [*unpacked, count]


def _build(settings: ReproductionSettings) -> Step:
    command = [*BUILDER, "build", "--source", settings.of_scale.source, "--out", str(settings.data)]
    if settings.scale == "paper":
        command += ["--root", str(_root(settings))]
    if settings.works:
        command += ["--works", str(settings.works)]
    command += ["--captions", settings.captioner, "--workers", str(settings.captioners)]
    if settings.caption_command:
        command += ["--caption-command", settings.caption_command]
    return Step(
        "build", f"items and captions by {settings.captioner}, {settings.data}", tuple(command),
        estimates.build(settings), (settings.data / "report.json",), lambda: _captioner_lacks(settings),
        on_gpu=settings.captioner == "mu-llama",
    )  # fmt: skip


def _captioner_lacks(settings: ReproductionSettings) -> Iterator[Lack]:
    if settings.captioner == "mu-llama" and not settings.caption_command:
        yield Lack(
            "the paper's captioner: name what starts MU-LLaMA by --caption-command (how, says "
            "dataset_builder/descriptor/captions/mu_llama.py), or take --captions musicnn"
        )


def _describe(settings: ReproductionSettings) -> Step:
    command = (*BUILDER, "describe", str(settings.data), "--model", settings.described_by)
    takes = estimates.describe(settings)

    def lacks() -> Iterator[Lack]:
        if not os.environ.get("OPENAI_API_KEY"):
            yield Lack("the key of the describer: set OPENAI_API_KEY, or take --describer template")
        if settings.budget is None:
            yield Lack(f"what it may cost (about ${takes.dollars:.0f}): say --budget DOLLARS")
        if price_of(settings.described_by) is None:
            yield Lack(
                f"the price of {settings.described_by}: take one of {', '.join(PRICES)}, or --describer template"
            )

    budget = () if settings.budget is None else ("--budget", f"{settings.budget:g}")
    return Step("describe", f"descriptions by {settings.described_by}", (*command, *budget), takes, lacks=lacks)


def _prepare(settings: ReproductionSettings) -> Step:
    makes, takes = "codes, chroma and texts of every item, once", estimates.prepare(settings)
    if settings.scale == "paper":
        command = (*_dora(settings), *settings.training, "execute_only=prepare")
        return Step("prepare", makes, command, takes, lacks=lambda: _run_lacks(settings), on_gpu=True)
    workers = ("--workers", str(settings.workers))
    command = ("orchestrator", "prepare", str(settings.data), *_without_root(settings), *workers)
    return Step("prepare", makes, command, takes)


def _dora(settings: ReproductionSettings) -> tuple[str, ...]:
    return ("dora", "run", "-d") if settings.scale == "paper" and settings.gpus > 1 else ("dora", "run")


def _without_root(settings: ReproductionSettings) -> tuple[str, ...]:
    """The run's overrides, but for the data's folder, which `prepare` is told by name."""
    return tuple(word for word in settings.training if not word.startswith("dset_root="))


def _run_lacks(settings: ReproductionSettings) -> Iterator[Lack]:
    """GPU and weights, as the doctor finds them."""
    for check, of_node in ((doctor.devices, True), (doctor.weights, False)):
        for found in check(settings.cfg):
            if found.status == doctor.MISSING:
                yield Lack(f"{found.subject}: {found.detail} -> {found.cure}", of_node)


def _train(settings: ReproductionSettings) -> Step:
    run = _run(settings.training)
    return Step(
        "train", f"the fine-tuned model, run {run.sig}", (*_dora(settings), *settings.training),
        estimates.train(settings), (run.folder / "checkpoint.th",), lambda: _run_lacks(settings),
        whole=lambda: _epochs_done(run) >= run.cfg.optim.epochs, on_gpu=settings.scale == "paper",
    )  # fmt: skip


@cache
def _run(overrides: tuple[str, ...]) -> XP:
    """The run of these overrides, as Dora signs it; nothing is written."""
    from ...train import main

    return main.get_xp(list(overrides))


def _epochs_done(run: XP) -> int:
    run.link.load()
    return len(run.link.history)


def _shown(settings: ReproductionSettings) -> list[Step]:
    """What is made of the trained model."""
    scale, sig, out, on_gpu = settings.of_scale, _run(settings.training).sig, settings.out, settings.scale == "paper"
    table, model = out / "table1", out / "model"
    data, threads = ("--data", str(settings.data), "--finetuned", sig), ("--threads", str(settings.workers))
    length = ("--seconds", f"{settings.seconds:g}") if settings.seconds else ()
    evaluate = (
        "--out", str(table), "--metrics", settings.heard_by, "--excerpts", str(settings.excerpts), *length, *threads,
        *(() if on_gpu else ("--workers", str(settings.workers))),
    )  # fmt: skip
    seconds = f"{settings.seconds or scale.seconds:g}"
    page = ("--table", str(table / "table1.json"), "--excerpts", str(settings.shown), "--seconds", seconds)
    export = ("--instruments-of", str(settings.data), "--scores", str(table / "table1.json"))
    return [
        Step(
            "evaluate", f"Table 1, {table / 'table1.html'}", ("orchestrator", "evaluate", *data, *evaluate),
            estimates.evaluate(settings), (table / "table1.json",), lambda: _metrics_lack(settings.heard_by),
            on_gpu=on_gpu,
        ),
        Step(
            "page", f"the listening page, {out / 'page.html'}",
            ("orchestrator", "page", *data, "--baseline", _baseline(settings), "--out", str(out / "page.html"), *page,
             *threads),
            estimates.page(settings), (out / "page.html",), on_gpu=on_gpu,
        ),
        Step(
            "export", f"the model with its card, {model}", ("orchestrator", "export", sig, "--to", str(model), *export),
            estimates.export(settings), (model / "model.safetensors", model / "README.md"),
        ),
    ]  # fmt: skip


def _baseline(settings: ReproductionSettings) -> str:
    """What the training begins with, as commands that play name it."""
    return str(settings.cfg.continue_from).removeprefix("//pretrained/")


def _metrics_lack(metrics: str) -> Iterator[Lack]:
    for known in (PASST, CLAP) if metrics == "paper" else ():
        if not (place := known.usual_place()).is_file():
            yield Lack(f"no {place}: download {known.url} ({known.size / 1e9:.2f} GB) and put it there")
