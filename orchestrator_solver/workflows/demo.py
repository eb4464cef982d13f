"""Everything once, at the embedded scale: corpus, items, fine-tuning, Table 1, listening page.

Every step keeps what it did and goes on from there, so that the demo can be stopped anywhere and started again.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_builder.errors import UserError
from dataset_builder.nano.corpus import NanoSettings
from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.settings import BuildSettings

from ..runtime.placement import AUTO, Placement, placement

if TYPE_CHECKING:
    from ..generation.model import OrchestratorModel


@dataclass(frozen=True)
class DemoSettings:
    """How large the demo is.

    Attributes:
        out: folder of everything it makes.
        works: of the embedded corpus, always the same ones.
        epochs: of fine-tuning.
        updates: of an epoch.
        excerpts: scored for the table.
        shown: excerpts on the page.
        workers: processes, and threads of torch.
        device: a word of `runtime.placement`.
    """

    out: Path
    works: int = 16
    epochs: int = 6
    updates: int = 50
    excerpts: int = 32
    shown: int = 4
    workers: int = 2
    device: str = AUTO


@dataclass(frozen=True)
class DemoResult:
    """What the demo made.

    Attributes:
        table: Table 1 for a terminal.
        page: the listening page.
        seconds: how long it took, this time.
    """

    table: str
    page: Path
    seconds: float


def run_demo(settings: DemoSettings) -> DemoResult:
    """Make the corpus, fine-tune on it, score and show.

    Raises:
        UserError: if a step fails, with what to do, or the device is not there or not the first GPU.
    """
    begin, where = time.monotonic(), placement(settings.device)
    if where.device.index:
        raise UserError(f"the demo trains on the first GPU that it sees: set CUDA_VISIBLE_DEVICES={where.device.index}")
    data, finetuned = settings.out / "data", settings.out / "finetuned"
    _say(1, "the embedded corpus, its items, captions and descriptions")
    nano = NanoSettings(works=settings.works)
    build(BuildSettings(source="nano", out=data, caption_windows=1, workers=settings.workers, nano=nano))
    _say(2, "codes and chroma of every item")
    _prepare(data, settings.workers, where)
    _say(3, f"fine-tuning from the shipped baseline, {settings.epochs} epochs of {settings.updates} updates")
    _finetune(data, finetuned, settings, where)
    _say(4, "Table 1 on works that no training split holds")
    models = _models(finetuned, where)
    table = _evaluate(data, models, settings)
    _say(5, "the listening page")
    page = _page(data, models, settings)
    return DemoResult(table, page, time.monotonic() - begin)


def _say(step: int, what: str) -> None:
    print(f"[{step}/5] {what}", flush=True)


def _prepare(data: Path, workers: int, where: Placement) -> None:
    import torch

    from .nano_models import prepare_nano

    torch.set_num_threads(1)
    prepare_nano(data, workers, str(where.device))
    torch.set_num_threads(workers)


def _finetune(data: Path, out: Path, settings: DemoSettings, where: Placement) -> None:
    from .nano_models import Training, train

    overrides = (
        "label=demo",
        f"optim.epochs={settings.epochs}",
        f"optim.updates_per_epoch={settings.updates}",
        f"schedule.cosine.warmup={min(100, settings.epochs * settings.updates // 3)}",
        "dataset.valid.num_samples=32",
        "dataset.evaluate.num_samples=32",
        "dataset.generate.num_samples=2",
        f"num_threads={settings.workers}",
        f"device={where.device.type}",
    )
    train(data, Training("orchestrator_nano", "demo"), overrides, out)


def _models(finetuned: Path, where: Placement) -> Mapping[str, "OrchestratorModel"]:
    """Who plays, by row of Table 1."""
    from ..generation.model import load_model

    return {"baseline": load_model("nano-baseline", where), "finetuned": load_model(str(finetuned), where)}


def _evaluate(data: Path, models: Mapping[str, "OrchestratorModel"], settings: DemoSettings) -> str:
    from ..evaluation import table_formats
    from ..evaluation.run import EvaluationSettings, evaluate

    table = evaluate(models, EvaluationSettings(data, settings.out / "table1", count=settings.excerpts))
    table_formats.write(table, settings.out / "table1")
    return table_formats.to_text(table)


def _page(data: Path, models: Mapping[str, "OrchestratorModel"], settings: DemoSettings) -> Path:
    from ..page.build import PageSettings, build_page
    from ..runtime.progress_bar import Bar

    path, table = settings.out / "index.html", settings.out / "table1/table1.json"
    with Bar("listening page") as progress:
        build_page(path, models, PageSettings(data, count=settings.shown), table, progress)
    return path
