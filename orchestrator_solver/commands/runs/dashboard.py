"""`orchestrator dashboard`: a wandb workspace that shows runs of this project, as a file or at wandb.

Losses by epoch, update and codebook, learning rate, D-Adaptation's d, gradients, steps left out, throughput, memory,
tables of samples with audio, and a comparison of runs by what a grid varies.
"""

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("dashboard", help="write a wandb workspace for the runs", description=__doc__)
    parser.add_argument("--entity", default="me", help="user or team at wandb")
    parser.add_argument("--project", default="music-orchestrator", help="default: music-orchestrator")
    parser.add_argument("--out", type=Path, default=Path("dashboard.json"), help="default: dashboard.json")
    parser.add_argument("--publish", action="store_true", help="make it at wandb, instead of writing a file")


def run(args: argparse.Namespace) -> int:
    """Write or publish; returns the exit code.

    Raises:
        UserError: without a key of wandb, or if it cannot be reached or refuses.
    """
    from dataset_builder.runtime import atomic

    from ...monitoring import wandb_workspace

    if not args.publish:
        atomic.write_json(args.out, wandb_workspace.definition(args.entity, args.project))
        print(f"{args.out}: the workspace; `orchestrator dashboard --publish --entity NAME` makes it at wandb")
        return 0
    print(_published(args.entity, args.project))
    return 0


def _published(entity: str, project: str) -> str:
    import wandb

    from dataset_builder.errors import UserError

    from ...configuration.preflight import wandb_can_log
    from ...monitoring import wandb_workspace

    if not wandb_can_log():
        raise UserError("there is no key of wandb here (WANDB_API_KEY, or what `wandb login` leaves): log in")
    try:
        return str(wandb_workspace.workspace(entity, project).save().url)
    except (wandb.Error, OSError, ValueError) as error:  # requests raises OSErrors
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"wandb does not take the workspace for {entity}/{project}: {reason}") from error
