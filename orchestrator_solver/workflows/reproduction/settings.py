"""What is reproduced, at which scale, and what stands in for the paper's parts."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from omegaconf import DictConfig

from dataset_builder.errors import UserError

from ...configuration.overrides import composed


@dataclass(frozen=True)
class Scale:
    """How the steps differ.

    Attributes:
        solver: the recipe of the training.
        source: of the data set, as the builder names it.
        captions: who captions in it.
        describer: template, or a chat model's name.
        metrics: of Table 1.
        seconds: of an excerpt on the page.
    """

    solver: str
    source: str
    captions: str
    describer: str
    metrics: str
    seconds: int


TEMPLATE = "template"
SCALES = {
    "nano": Scale("orchestrator_nano", "nano", "musicnn", TEMPLATE, "offline", 8),
    "paper": Scale("orchestrator", "slakh", "mu-llama", "gpt-4o", "paper", 30),
}


@dataclass(frozen=True)
class ReproductionSettings:
    """What is reproduced, and with what.

    Attributes:
        scale: a name in `SCALES`.
        out: folder of all that is made but the run, which is where runs are.
        root: paper: an unpacked Slakh2100 redux; None for one that is unpacked from `archive`.
        archive: paper: Slakh2100's archive; None for one in `out`.
        fetch: whether the archive may be downloaded.
        captions: a captioner; None for the scale's.
        caption_command: what starts MU-LLaMA's process.
        describer: template, or a chat model; None for the scale's.
        budget: dollars that descriptions may cost; None if nobody said.
        part: paper: whether `root` may have a part of Slakh2100's tracks.
        works: nano: of the embedded corpus; None for all.
        metrics: of Table 1; None for the scale's.
        seconds: of an excerpt of Table 1 and of the page; None for what models play at once, and the scale's.
        excerpts: of Table 1.
        shown: excerpts on the page.
        workers: processes, and threads of torch on a CPU.
        gpus: of the machine that trains.
        overrides: of the training's configuration.
    """

    scale: str
    out: Path
    root: Path | None = None
    archive: Path | None = None
    fetch: bool = False
    captions: str | None = None
    caption_command: str | None = None
    describer: str | None = None
    budget: float | None = None
    part: bool = False
    works: int | None = None
    metrics: str | None = None
    seconds: float | None = None
    excerpts: int = 200
    shown: int = 6
    workers: int = 2
    gpus: int = 1
    overrides: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises UserError for what another scale has."""
        if self.part and not self.root:
            raise UserError("--part is of a folder: name it by --root")
        wrong = [name for name in _OF_THE_OTHER[self.scale] if getattr(self, name)]
        if wrong:
            raise UserError(f"--{wrong[0]} is not of --scale {self.scale}: leave it out")

    @property
    def of_scale(self) -> Scale:
        """What the scale says."""
        return SCALES[self.scale]

    @property
    def captioner(self) -> str:
        """Who captions."""
        return self.captions or self.of_scale.captions

    @property
    def captioners(self) -> int:
        """Processes of the build; MU-LLaMA's model is loaded by each, and few machines hold more than one."""
        return 1 if self.captioner == "mu-llama" else self.workers

    @property
    def described_by(self) -> str:
        """Who describes."""
        return self.describer or self.of_scale.describer

    @property
    def heard_by(self) -> str:
        """Metrics of Table 1."""
        return self.metrics or self.of_scale.metrics

    @property
    def data(self) -> Path:
        """The data set's folder."""
        return self.out / "data"

    @property
    def training(self) -> tuple[str, ...]:
        """Overrides of the run, and of the store that it reads."""
        local = (f"num_threads={self.workers}",) if self.scale == "nano" else ()
        given = (f"solver={self.of_scale.solver}", f"dset_root={self.data}", "orchestrator.store=true", *local)
        return *given, *self.overrides

    @cached_property
    def cfg(self) -> DictConfig:
        """The run's configuration."""
        return composed(list(self.training))

    def replaced(self) -> list[str]:
        """A line for each part that is not the paper's, at its scale."""
        if self.scale != "paper":
            return []
        paper, lines = self.of_scale, []
        if self.captioner != paper.captions:
            lines.append(f"captions by {self.captioner}, in the place of MU-LLaMA's")
        if self.described_by != paper.describer:
            lines.append(f"descriptions by {self.described_by}, in the place of GPT-4o's")
        if self.part:
            lines.append(f"the tracks of {self.root}, in the place of all of Slakh2100's")
        if self.heard_by != paper.metrics:
            lines.append(f"Table 1 by {self.heard_by}, in the place of the paper's metrics")
        if self.overrides:
            lines.append(f"the training with {' '.join(self.overrides)}")
        return lines


_OF_THE_OTHER = {"nano": ("root", "archive", "fetch", "part"), "paper": ("works",)}
