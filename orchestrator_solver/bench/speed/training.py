"""Training from the store against audiocraft's own solver on the same language model, batch and precision, by turns.

audiocraft's side is its `MusicGenSolver` with its own data set, conditioners, cross-entropy and optimizer, on the same
items as files. The frozen models have their published shapes (EnCodec 32 kHz, htdemucs, T5-base) and random weights,
which compute as long as trained ones.
"""

import gc
import gzip
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import torch
from audiocraft.models import builders as audiocraft_builders
from audiocraft.solvers import builders as solver_builders
from audiocraft.solvers import musicgen
from audiocraft.solvers.musicgen import MusicGenSolver
from audiocraft.utils import cache
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from dataset_builder.bench.inputs import slakh_root
from dataset_builder.bench.measurement import Report
from dataset_builder.dataset.materialise import FOLDER as FILES
from dataset_builder.dataset.materialise import materialise
from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.settings import BuildSettings
from dataset_builder.runtime import atomic

from ... import train
from ...data.excerpt_sampling import ExcerptSampling
from ...precompute.encoders import FrozenEncoders
from ...precompute.fill_store import Texts, fill
from ...seams.registry import ModuleView, stock
from ...training.solver import OrchestratorSolver
from .. import random_hub

SCALES = ("nano", "small")
OURS, THEIRS = "store", "audiocraft"
WANTED = {
    "none": {"nano": 20.0, "small": 2.0},
    "chroma": {"nano": 4.0, "small": 1.2},
    "batch": {"nano": 1.0, "small": 1.0},
}
_ITEMS, _BATCHES = 3, 4


@dataclass(frozen=True)
class Case:
    """What is compared.

    Attributes:
        cache: audiocraft's: none, chroma (pitch of whole files on disk), or batch (whole batches on disk, and chroma).
        scale: of the language model, in config/model/lm/model_scale.
    """

    cache: str
    scale: str


@dataclass
class Turns:
    """Seconds of every turn: of a whole step, and of getting its batch."""

    step: list[float] = field(default_factory=list)
    load: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class CaseReport:
    """What a case took. Other programs only ever make a turn longer, so that the best of each side says most.

    Attributes:
        cache: see `Case`.
        scale: see `Case`.
        parameters: of the language model.
        ours: seconds of every step.
        theirs: seconds of every step, in the same turns.
        wanted: times faster that were set as the goal.
        loading: share of our step that getting the batch takes, median.
    """

    cache: str
    scale: str
    parameters: int
    ours: list[float]
    theirs: list[float]
    wanted: float
    loading: float

    @property
    def faster(self) -> float:
        """Their best step over our best step."""
        return min(self.theirs) / min(self.ours)

    @property
    def by_turns(self) -> list[float]:
        """Theirs over ours in every turn."""
        return [theirs / ours for theirs, ours in zip(self.theirs, self.ours, strict=True)]


@dataclass(frozen=True)
class TrainingReport(Report):
    """All cases, and what they were measured on."""

    seconds: float
    batch: int
    threads: int
    precision: str
    cases: tuple[CaseReport, ...]

    def text(self) -> str:
        """The report for a terminal."""
        lines = [
            f"{self.batch} x {self.seconds:g} s, {self.precision}, {self.threads} threads; seconds of the best step",
            f"{'model':15}{'its cache':>10}{'audiocraft':>12}{'store':>9}{'faster':>8}{'wanted':>8}{'loading':>9}"
            "  turns",
        ]
        for case in self.cases:
            model = f"{case.scale} ({case.parameters / 1e6:.0f} M)"
            lines.append(
                f"{model:15}{case.cache:>10}{min(case.theirs):12.2f}{min(case.ours):9.2f}{case.faster:8.2f}"
                f"{case.wanted:8.1f}{case.loading:9.2%}  {', '.join(f'{ratio:.2f}' for ratio in case.by_turns)}"
            )
        return "\n".join(lines)


def bench_training(
    folder: Path, cases: Sequence[Case], *, seconds: float = 30.0, batch: int = 1, turns: int = 3, device: str = "cpu"
) -> TrainingReport:
    """Time whole steps, batch included, of both sides by turns, after one to warm up.

    Args:
        folder: for data, models and caches; empty.
        cases: what is compared.
        seconds: of an excerpt.
        batch: excerpts of a step.
        turns: of each case, twice.
        device: of torch.
    """
    data = _data(folder)
    autocast = "autocast=true autocast_dtype=bfloat16"
    common = [
        "solver=orchestrator", f"device={device}", *autocast.split(), "continue_from=", f"dset_root={data}",
        f"dataset.segment_duration={seconds}", f"dataset.batch_size={batch}", "dataset.num_workers=0",
        "dataset.train.num_samples=512", "optim.optimizer=adamw", "optim.lr=1e-4", "optim.updates_per_epoch=200",
        "classifier_free_guidance.training_dropout=0", "orchestrator.description_p=1",  # both sides: the same texts
        "optim.epochs=9", "optim.ema.use=false", "deadlock.use=false", "efficient_attention_backend=torch",
    ]  # fmt: skip
    with _hub(folder / "hub"), _cache_that_reads(), mock.patch.object(train.main.dora, "dir", folder / "runs"):
        reports = []
        for case in cases:
            scale = [*common, f"model/lm/model_scale@_global_={case.scale}"]
            theirs = partial(_theirs, scale, data, folder / "caches", case.cache)
            reports.append(_compare(case, {OURS: partial(_ours, scale), THEIRS: theirs}, turns))
            tqdm.write(str(reports[-1]))
    return TrainingReport(seconds, batch, torch.get_num_threads(), "bfloat16 autocast", tuple(reports))


def _data(folder: Path) -> Path:
    """A data set of a rendered track: its mix and two stems, each also as a file; all splits are these."""
    data = folder / "data"
    root = slakh_root(None, folder / "slakh", 1, 8)
    build(BuildSettings("slakh", data, root=root, submixes=0, captions="none", workers=1))
    materialise(data)
    for place in ("egs", FILES):
        lines = gzip.decompress((data / place / "train" / "data.jsonl.gz").read_bytes()).splitlines()
        chosen = [json.loads(line) for line in lines[:_ITEMS]]
        for split in ("train", "valid", "test"):
            atomic.write_json_gz(data / place / split / "data.jsonl.gz", chosen)
    return data


@contextmanager
def _hub(home: Path) -> Iterator[None]:
    """Within the block the hub's cache is a folder that holds the frozen models, and there is no network."""
    from huggingface_hub import constants

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(constants, "HF_HUB_CACHE", str(home / "hub")))
        stack.enter_context(mock.patch.object(constants, "HF_HUB_OFFLINE", True))
        stack.enter_context(mock.patch.object(torch.hub, "get_dir", return_value=str(home / "torch")))
        if not home.exists():
            random_hub.put_t5(home)
            random_hub.put_codec(home)
            random_hub.put_htdemucs(home, random_hub.separator_package())
        yield


def _cfg(overrides: list[str]) -> tuple[Any, DictConfig]:
    xp = train.main.get_xp(overrides)
    xp.folder.mkdir(parents=True, exist_ok=True)
    return xp, xp.cfg


def _ours(overrides: list[str]) -> OrchestratorSolver:
    xp, cfg = _cfg([*overrides, "orchestrator.store=true"])
    texts = Texts(float(cfg.dataset.segment_duration), ExcerptSampling.from_config(cfg))
    fill(Path(cfg.dset_root), FrozenEncoders.of_config(cfg), ("train",), workers=0, texts=texts)
    with xp.enter():
        return OrchestratorSolver(cfg)


def _theirs(overrides: list[str], data: Path, caches: Path, kind: str) -> MusicGenSolver:
    """audiocraft's solver: its data set on the same items as files, its conditioners, its optimizer, its caches."""
    xp, cfg = _cfg([*overrides, f"label=stock-{kind}"])
    OmegaConf.set_struct(cfg, False)
    del cfg.conditioners.self_wav.chroma_stem.separate
    cfg.conditioners.self_wav.chroma_stem.cache_path = None if kind == "none" else str(caches / "chroma")
    for stage in ("train", "valid", "evaluate", "generate"):
        cfg.datasource[stage] = str(data / FILES / "train")
    cfg.dataset.info_fields_required = False
    if kind == "batch":
        cfg.cache.path, cfg.cache.write, cfg.optim.updates_per_epoch = str(caches / "batches"), True, _BATCHES
        cfg.dataset.num_workers = 1  # threads that read it
        if not (caches / "batches").exists():
            _write_batches(_stock_solver(xp, cfg))
        cfg.cache.write = False
    solver = _stock_solver(xp, cfg)
    if kind == "chroma":
        _warm(solver, caches / "chroma" / "wav")
    return solver


def _stock_solver(xp: Any, cfg: DictConfig) -> MusicGenSolver:
    with (
        xp.enter(),
        mock.patch.object(audiocraft_builders, "get_lm_model", stock("language_model")),
        mock.patch.object(solver_builders, "get_optimizer", stock("optimizer")),
    ):
        return MusicGenSolver(cfg)


def _warm(solver: MusicGenSolver, folder: Path) -> None:
    """Let audiocraft compute the chroma of every whole file, as it does when it meets one for the first time."""
    side = _Side(solver)
    with tqdm(total=_ITEMS, desc="audiocraft fills its cache", unit="file") as bar:
        while (found := len(list(folder.glob("[!.]*")))) < _ITEMS:
            bar.update(found - bar.n)
            solver._prepare_tokens_and_attributes(next(side.batches))


def _write_batches(solver: MusicGenSolver) -> None:
    """Let audiocraft write its cache of whole batches."""
    side = _Side(solver)
    assert solver._cached_batch_writer is not None
    solver._cached_batch_writer.start_epoch(1)
    for _ in tqdm(range(_BATCHES), "audiocraft writes its batches", unit="batch"):
        solver._prepare_tokens_and_attributes(next(side.batches))


@contextmanager
def _cache_that_reads() -> Iterator[None]:
    """Within the block audiocraft's cache of whole batches can be read.

    As released it cannot: an assertion takes a batch's items for tensors, and torch refuses to unpickle them. Here its
    own source runs without assertions, and what the cache holds was written a moment ago.
    """
    module = ModuleType(cache.__name__, cache.__doc__)
    module.__dict__.update(__package__=cache.__package__, __file__=cache.__file__)
    exec(compile(Path(str(cache.__file__)).read_text(), str(cache.__file__), "exec", optimize=1), module.__dict__)
    module.__dict__["torch"] = ModuleView(torch, load=partial(torch.load, weights_only=False))
    with (
        mock.patch.object(musicgen, "CachedBatchWriter", module.CachedBatchWriter),
        mock.patch.object(musicgen, "CachedBatchLoader", module.CachedBatchLoader),
    ):
        yield


class _Side:
    """One solver, in the middle of its training stage."""

    def __init__(self, solver: Any) -> None:
        self.solver = solver
        solver._current_stage = "train"
        solver.model.train()
        self.batches = self._endless()
        self.index = 2  # audiocraft looks for synchronisations in step 1
        self.turns = Turns()
        if getattr(solver, "_cached_batch_loader", None) is not None:  # which is empty until its epoch begins
            solver._cached_batch_loader.start_epoch(1)

    def _endless(self) -> Iterator[Any]:
        while True:
            yield from self.solver.dataloaders["train"]

    def turn(self) -> None:
        """One step, from getting the batch to the moved parameters."""
        begin = time.perf_counter()
        batch = next(self.batches)
        got = time.perf_counter()
        metrics = self.solver.run_step(self.index, batch, {})
        float(metrics["ce"].detach())  # on a GPU: wait for it
        self.index += 1
        self.turns.load.append(got - begin)
        self.turns.step.append(time.perf_counter() - begin)


def _compare(case: Case, solvers: Mapping[str, Callable[[], Any]], turns: int) -> CaseReport:
    """Both sides by turns; twice, since the solver that is built first has the worse places in memory (up to 5 %)."""
    steps: dict[str, list[float]] = {name: [] for name in solvers}
    loading: list[float] = []
    parameters = 0
    for order in (list(solvers), list(solvers)[::-1]):
        gc.collect()  # solvers hold themselves: without it those before would stay in memory
        sides = {name: _Side(solvers[name]()) for name in order}
        parameters = sum(parameter.numel() for parameter in sides[OURS].solver.model.parameters())
        for turn in tqdm(range(turns + 1), f"{case.scale}, audiocraft caches {case.cache}", unit="turn"):
            for name in order if turn % 2 else order[::-1]:
                sides[name].turn()
        for name, side in sides.items():
            steps[name] += side.turns.step[1:]
        loading += [load / step for load, step in zip(sides[OURS].turns.load, sides[OURS].turns.step, strict=True)][1:]
        sides.clear()
    wanted = WANTED[case.cache][case.scale]
    return CaseReport(
        case.cache, case.scale, parameters, steps[OURS], steps[THEIRS], wanted, statistics.median(loading)
    )
