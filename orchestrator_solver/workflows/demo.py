"""Everything once, at the embedded scale: first something to hear, then corpus, fine-tuning, Table 1, listening page.

Every step keeps what it did and goes on from there, so that the demo can be stopped anywhere and started again.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_builder.errors import UserError
from dataset_builder.nano.corpus import NanoSettings
from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.settings import BuildSettings

from ..runtime.placement import AUTO, Placement, placement
from .stages import Stages

if TYPE_CHECKING:
    from ..generation.model import OrchestratorModel
    from ..page.content import PageExcerpt


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
        precision: another; auto plays as `placement` says, keeps a store in float32, and trains as configured.
    """

    out: Path
    works: int = 16
    epochs: int = 6
    updates: int = 50
    excerpts: int = 32
    shown: int = 4
    workers: int = 2
    device: str = AUTO
    precision: str = AUTO

    @property
    def placement(self) -> Placement:
        """Where it computes, and how precisely it plays."""
        return placement(self.device, self.precision)

    @property
    def training_precision(self) -> tuple[str, ...]:
        """Overrides of a run, and of the store that it reads."""
        if self.precision == AUTO:
            return ()
        half = (f"autocast_dtype={self.precision}",) if self.precision != "float32" else ()
        return f"orchestrator.store_precision={self.precision}", f"autocast={bool(half)}".lower(), *half


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


LISTEN = "two held-out tunes, played by the shipped model on three ensembles each"
CORPUS = "the embedded corpus, its items, captions and descriptions"
STORE = "codes and chroma of every item"
FINETUNE = "fine-tuning from the shipped baseline"
TABLE = "Table 1 on works that no training saw"
PAGE = "the listening page"
# Seconds of each on 2 cores.
STAGES = {LISTEN: 12.0, CORPUS: 36.0, STORE: 31.0, FINETUNE: 258.0, TABLE: 175.0, PAGE: 16.0}


def run_demo(settings: DemoSettings, show: Callable[[Path], None] = lambda page: None) -> DemoResult:
    """Play two tunes, then make the corpus, fine-tune on it, score and show.

    Args:
        settings: how large it is.
        show: called when there is a page to listen to, which grows from then on.

    Raises:
        UserError: if a step fails, with what to do, or the device is not there or not the first GPU.
    """
    begin, where, stages = time.monotonic(), settings.placement, Stages(STAGES)
    if where.device.index:
        raise UserError(f"the demo trains on the first GPU that it sees: set CUDA_VISIBLE_DEVICES={where.device.index}")
    data, finetuned, page = settings.out / "data", settings.out / "finetuned", settings.out / "index.html"
    nano = NanoSettings(works=settings.works)
    stages.begin(LISTEN)
    first = _first_takes(data, nano, page, settings.workers, where)
    show(page)
    stages.begin(CORPUS)
    build(BuildSettings(source="nano", out=data, caption_windows=1, workers=settings.workers, nano=nano))
    stages.begin(STORE)
    _prepare(data, settings, where)
    stages.begin(FINETUNE)
    _finetune(data, finetuned, settings, where)
    stages.begin(TABLE)
    models = _models(finetuned, where)
    table = _evaluate(data, models, settings)
    stages.begin(PAGE)
    _page(page, first, models, settings)
    return DemoResult(table, page, time.monotonic() - begin)


def _first_takes(data: Path, nano: NanoSettings, page: Path, workers: int, where: Placement) -> "list[PageExcerpt]":
    """Write the page with its first takes, unless a longer one is there."""
    from ..generation.model import load_model
    from ..page.render import write_page
    from ..runtime.progress_bar import Bar
    from .first_takes import first_takes

    model = load_model("nano", where)
    with Bar("first takes") as progress:
        takes = first_takes(data, nano, model, workers, progress)
    if not page.exists():
        write_page(page, takes, (), {"model": model.title})
    return takes


def _prepare(data: Path, settings: DemoSettings, where: Placement) -> None:
    import torch

    from .nano_models import prepare_nano

    torch.set_num_threads(1)
    prepare_nano(data, settings.workers, (f"device={where.device}", *settings.training_precision))
    torch.set_num_threads(settings.workers)


def _finetune(data: Path, out: Path, settings: DemoSettings, where: Placement) -> None:
    from .nano_models import Training, train

    overrides = (
        "label=demo",
        f"optim.epochs={settings.epochs}",
        f"optim.updates_per_epoch={settings.updates}",
        f"schedule.cosine.warmup={min(100, settings.epochs * settings.updates // 3)}",
        "dataset.valid.num_samples=32",
        "dataset.evaluate.num_samples=32",
        "evaluate.metrics.clips=[]",  # the stage after the next plays and scores it beside the others
        "dataset.generate.num_samples=2",
        f"num_threads={settings.workers}",
        f"device={where.device.type}",
        *settings.training_precision,
    )
    train(data, Training("orchestrator_nano", "demo"), overrides, out)


def _models(finetuned: Path, where: Placement) -> Mapping[str, "OrchestratorModel"]:
    """Who plays, by row of Table 1."""
    from ..generation.model import load_model

    names = {"baseline": "nano-baseline", "finetuned": str(finetuned), "shipped": "nano"}
    return {row: load_model(name, where) for row, name in names.items()}


def _evaluate(data: Path, models: Mapping[str, "OrchestratorModel"], settings: DemoSettings) -> str:
    from ..evaluation import table_formats
    from ..evaluation.run import EvaluationSettings, evaluate

    table = evaluate(models, EvaluationSettings(data, settings.out / "table1", count=settings.excerpts))
    table_formats.write(table, settings.out / "table1")
    return table_formats.to_text(table)


def _page(
    page: Path, first: "list[PageExcerpt]", models: Mapping[str, "OrchestratorModel"], settings: DemoSettings
) -> None:
    from ..page.build import PageSettings, build_page
    from ..runtime.progress_bar import Bar

    shown, table = PageSettings(settings.out / "data", count=settings.shown), settings.out / "table1/table1.json"
    note = (
        f"“Fine-tuned” is this demo's own, to show the way: {settings.epochs * settings.updates} updates on the "
        f"training part of {settings.works} works. “Shipped” is what comes with the project, fine-tuned so for longer."
    )
    with Bar("listening page") as progress:
        build_page(page, models, shown, table, progress, first, note)
