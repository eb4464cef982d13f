"""`orchestrator dashboard`: a wandb workspace that shows runs of this project, or a report that compares them.

Losses by epoch, update and codebook, learning rate, D-Adaptation's d, gradients, steps left out, throughput, memory,
tables of samples with audio, Table 1, and a comparison of runs by what a grid varies: as a file, or made at wandb. The
report has the same for chosen runs, with a word on how each part is read.
"""

import argparse
from pathlib import Path
from typing import Any


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("dashboard", help="write a wandb workspace or report of runs", description=__doc__)
    parser.add_argument(
        "runs", nargs="*", metavar="SIG|GRID", help="only these runs: signatures or grids (default: all of the project)"
    )
    parser.add_argument("--report", action="store_true", help="a report that compares runs, in place of a workspace")
    parser.add_argument("--entity", default="me", help="user or team at wandb, as wandb.entity of the runs")
    parser.add_argument("--project", default="music-orchestrator", help="default: music-orchestrator")
    parser.add_argument("--tags", default="", metavar="A,B", help="only runs with one of them in wandb.tags")
    parser.add_argument("--out", type=Path, help="default: dashboard.json, or report.json")
    parser.add_argument("--publish", action="store_true", help="make it at wandb, instead of writing a file")


def run(args: argparse.Namespace) -> int:
    """Write or publish; returns the exit code.

    Raises:
        UserError: a run that is none; without a key of wandb, or if it cannot be reached or refuses.
    """
    from dataset_builder.runtime import atomic

    from ...monitoring import wandb_workspace

    shown = wandb_workspace.Shown(args.entity, args.project, _tags(args.tags), _signatures(args.runs))
    kind = "report" if args.report else "workspace"
    if args.publish:
        print(_published(shown, kind))
        return 0
    out = args.out or Path("report.json" if args.report else "dashboard.json")
    atomic.write_json(out, wandb_workspace.definition(wandb_workspace.KINDS[kind](shown)))
    print(f"{out}: the {kind}; with --publish --entity NAME it is made at wandb")
    return 0


def _tags(text: str) -> tuple[str, ...]:
    return tuple(tag.strip() for tag in text.split(",") if tag.strip())


def _signatures(names: list[str]) -> tuple[str, ...]:
    from ...workflows.comparison import rows_of

    return tuple(row.sig for row in rows_of(names)) if names else ()


def _published(shown: Any, kind: str) -> str:
    import wandb

    from dataset_builder.errors import UserError

    from ...configuration.preflight import wandb_can_log
    from ...monitoring import wandb_workspace

    if not wandb_can_log():
        raise UserError("there is no key of wandb here (WANDB_API_KEY, or what `wandb login` leaves): log in")
    try:
        return str(wandb_workspace.KINDS[kind](shown).save().url)
    except (wandb.Error, OSError, ValueError) as error:  # requests raises OSErrors
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"wandb does not take the {kind} for {shown.entity}/{shown.project}: {reason}") from error
