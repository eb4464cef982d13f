"""Where our runs are looked at in wandb: a workspace of all panels, and a report that compares runs."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import wandb_workspaces.reports.v2 as reports
import wandb_workspaces.workspaces as workspaces

from .wandb_panels import sections

NAME = "Music Orchestrator"
COMPARED_BY = {
    "Losses": "Cross-entropy in nats per code, of all codebooks and each. Runs on other data, or with another codec, "
    "do not compare.",
    "Table 1": "What runs play of held-out works: melody and SIM of the reference, instruments of the prompt, KL to "
    "the target. Intervals and tests of differences are in the table that `orchestrator compare` prints.",
    "Samples": "The same prompts and references as each run plays them.",
    "Optimizer": "A norm that grows, or steps that are left out, come before a loss that does.",
    "Machine": "Pace and memory, to be compared on equal machines only.",
    "Runs": "Which settings differ, and the loss that each ended with.",
}


@dataclass(frozen=True)
class Shown:
    """Which runs.

    Attributes:
        entity: user or team at wandb.
        project: where the runs are, `wandb.project` of their configuration.
        tags: any of which a run has, `wandb.tags`; none: all runs.
        runs: signatures; none: all.
    """

    entity: str
    project: str
    tags: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()

    @property
    def filters(self) -> list[Any]:
        """As wandb takes them; a run's signature is its id there."""
        by_tag = [workspaces.Tags().isin(list(self.tags))] if self.tags else []
        return [*by_tag, *([workspaces.Metric("ID").isin(list(self.runs))] if self.runs else [])]


def workspace(shown: Shown) -> Any:
    """The workspace, which nobody has seen yet."""
    settings = workspaces.RunsetSettings(filters=shown.filters)
    return workspaces.Workspace(
        entity=shown.entity, project=shown.project, name=NAME, runset_settings=settings,
        sections=[workspaces.Section(name=name, panels=found, is_open=True) for name, found in sections().items()],
    )  # fmt: skip


def report(shown: Shown) -> Any:
    """A report that compares the runs, with a word on how each section is read; nobody has seen it yet."""
    found = sections()
    blocks: list[Any] = [reports.TableOfContents()]
    for name, words in COMPARED_BY.items():
        runset = reports.Runset(filters=shown.filters)  # of the report's own project, which is not asked for
        blocks += [reports.H1(name), reports.P(words), reports.PanelGrid(runsets=[runset], panels=found[name])]
    chosen = ", ".join([*shown.runs, *(f"tag {tag}" for tag in shown.tags)]) or "all runs"
    return reports.Report(
        entity=shown.entity, project=shown.project, title=f"{NAME}: runs compared", description=chosen, blocks=blocks,
        width="fluid",
    )  # fmt: skip


KINDS: dict[str, Callable[[Shown], Any]] = {"workspace": workspace, "report": report}


def definition(view: Any) -> dict[str, Any]:
    """A workspace or report as wandb keeps it, as plain values for JSON."""
    return dict(json.loads(view._to_model().model_dump_json(by_alias=True, exclude_none=True)))
