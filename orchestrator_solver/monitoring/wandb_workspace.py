"""A wandb workspace that shows our runs: losses, optimizer, machine, samples, and a comparison of a grid's runs."""

import json
from typing import Any

import wandb_workspaces.reports.v2 as panels
import wandb_workspaces.workspaces as workspaces

NAME = "Music Orchestrator"
CODEBOOKS = range(1, 5)
COMPARED = ("optim.optimizer", "optim.lr", "orchestrator.reference.stem", "orchestrator.description_p", "lora.rank")


def _lines(title: str, *names: str, axis: str = "epoch") -> Any:
    return panels.LinePlot(title=title, x=axis, y=list(names))


def _by_codebook(stage: str, axis: str = "epoch") -> Any:
    return _lines(f"cross-entropy by codebook, {stage}", *(f"{stage}/ce_q{k}" for k in CODEBOOKS), axis=axis)


SECTIONS: dict[str, list[Any]] = {
    "Losses": [
        _lines("cross-entropy by epoch", "train/ce", "valid/ce"),
        _lines("cross-entropy by update", "steps/ce", axis="update"),
        _by_codebook("valid"),
        _by_codebook("steps", axis="update"),
    ],
    "Optimizer": [
        _lines("learning rate", "steps/lr", axis="update"),
        _lines("d of D-Adaptation", "steps/d", axis="update"),
        _lines("norm of the gradient", "steps/grad_norm", axis="update"),
        _lines("steps left out", "train/skipped", "train/nonfinite"),
        _lines("scale of fp16", "steps/grad_scale", axis="update"),
    ],
    "Machine": [
        _lines("seconds of audio a second", "steps/audio_per_second", axis="update"),
        _lines("memory, GiB", "steps/memory_gib", axis="update"),
        _lines("minutes an epoch", "train/duration", "valid/duration"),
    ],
    "Samples": [
        _lines("scores of samples", "generate/sim", "generate/instruments"),
        panels.WeavePanelSummaryTable(table_name="samples/table"),
    ],
    "Runs": [
        panels.ParallelCoordinatesPlot(
            columns=[
                *(panels.ParallelCoordinatesPlotColumn(panels.Config(name)) for name in COMPARED),
                panels.ParallelCoordinatesPlotColumn(panels.SummaryMetric("valid/ce")),
            ]
        ),
        panels.RunComparer(diff_only=True),
    ],
}


def workspace(entity: str, project: str) -> Any:
    """The workspace, which nobody has seen yet.

    Args:
        entity: user or team at wandb.
        project: where the runs are, `wandb.project` of their configuration.
    """
    sections = [workspaces.Section(name=name, panels=list(shown), is_open=True) for name, shown in SECTIONS.items()]
    return workspaces.Workspace(entity=entity, project=project, name=NAME, sections=sections)


def definition(entity: str, project: str) -> dict[str, Any]:
    """The workspace as wandb keeps it, as plain values for JSON."""
    view = workspace(entity, project)._to_model()
    return dict(json.loads(view.model_dump_json(by_alias=True, exclude_none=True)))
