"""What our runs are judged by, as panels of wandb: the same in a workspace and in a report."""

from collections.abc import Iterable
from typing import Any

import wandb_workspaces.reports.v2 as panels

from ..evaluation.rows import PROMPTINGS
from ..metrics.registry import DEFAULT

POLICIES = ("self", "stem")  # references that a run's Table 1 is played from, `evaluate.policies`
COMPARED = ("optim.optimizer", "optim.lr", "orchestrator.reference.stem", "orchestrator.description_p", "lora.rank")


def sections() -> dict[str, list[Any]]:
    """New panels by the title of their section."""
    return {
        "Losses": _losses(), "Optimizer": _optimizer(), "Machine": _machine(), "Samples": _samples(),
        "Table 1": _table1(), "Runs": _runs(),
    }  # fmt: skip


def _lines(title: str, names: Iterable[str], axis: str = "epoch", unit: str | None = None) -> Any:
    return panels.LinePlot(title=title, x=axis, y=list(names), title_y=unit)


def _matching(title: str, pattern: str, axis: str = "epoch", unit: str | None = None) -> Any:
    """All metrics whose names match, however many there are."""
    return panels.LinePlot(title=title, x=axis, metric_regex=pattern, title_y=unit)


def _losses() -> list[Any]:
    nats = "nats per code"
    return [
        _lines("cross-entropy by epoch", ["train/ce", "valid/ce", "evaluate/ce"], unit=nats),
        _lines("cross-entropy by update", ["steps/ce"], "update", nats),
        _matching("cross-entropy by codebook, validation", "^valid/ce_q[0-9]+$", unit=nats),
        _matching("cross-entropy by codebook, training", "^steps/ce_q[0-9]+$", "update", nats),
    ]


def _optimizer() -> list[Any]:
    return [
        _lines("learning rate", ["steps/lr"], "update"),
        _lines("d of D-Adaptation", ["steps/d"], "update"),
        _lines("norm of the gradient", ["steps/grad_norm"], "update"),
        _lines("steps left out", ["train/skipped", "train/nonfinite"]),
        _lines("scale of fp16", ["steps/grad_scale"], "update"),
    ]


def _machine() -> list[Any]:
    return [
        _lines("seconds of audio a second", ["steps/audio_per_second"], "update"),
        _lines("memory", ["steps/memory_gib"], "update", "GiB"),
        _lines("time of an epoch", ["train/duration", "valid/duration"], unit="seconds"),
    ]


def _samples() -> list[Any]:
    return [
        _lines("scores of samples", ["generate/sim", "generate/instruments"]),
        panels.WeavePanelSummaryTable(table_name="samples/table"),
    ]


def _table1() -> list[Any]:
    """A panel a metric, a bar a reference, prompting and run; all scores that runs have; the rows with intervals."""
    cells = [f"{policy}_{prompting}" for policy in POLICIES for prompting in PROMPTINGS]
    bars = [
        panels.BarPlot(title=name, metrics=[panels.SummaryMetric(f"evaluate/{name}_{cell}") for cell in cells])
        for name in DEFAULT
    ]
    every = _matching("all scores, by epoch", f"^evaluate/.*_({'|'.join(cells)})$")
    return [*bars, every, panels.WeavePanelSummaryTable(table_name="evaluate/table1")]


def _runs() -> list[Any]:
    settings = [panels.ParallelCoordinatesPlotColumn(panels.Config(name)) for name in COMPARED]
    loss = panels.ParallelCoordinatesPlotColumn(panels.SummaryMetric("valid/ce"))
    return [panels.ParallelCoordinatesPlot(columns=[*settings, loss]), panels.RunComparer(diff_only=True)]
