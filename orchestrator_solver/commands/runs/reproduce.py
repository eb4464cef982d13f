"""`orchestrator reproduce`: the paper from nothing to Table 1, as steps over the other commands.

Source, data set, descriptions, store, training, Table 1, listening page, and the model with its card. --plan says of
each whether it is done, what it takes and what it lacks here, and runs nothing. Without it every step is run as a
process of its own; stop it anywhere and give the same command again: it goes on. With --slurm each step is a job that
waits for the one before. Nothing is downloaded without --fetch but published weights, and no chat model is paid without
--budget.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_builder.audio.times import time_between
from dataset_builder.bench.measurement import at_least_one
from dataset_builder.errors import UserError

if TYPE_CHECKING:
    from ...workflows.reproduction.progress import Progress

# Options with a value that say what is reproduced; the others say what this call does.
_VALUES = ("root", "archive", "captions", "caption_command", "describer", "budget", "works", "excerpts", "shown",
           "metrics", "seconds", "workers", "gpus")  # fmt: skip


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("reproduce", help="the paper from nothing to Table 1", description=__doc__)
    parser.add_argument(
        "--scale", choices=["nano", "paper"], required=True,
        help="nano: the embedded corpus and models, on a CPU; paper: Slakh2100 and MusicGen Melody 1.5B",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of all that is made")
    parser.add_argument("overrides", nargs="*", help="of the training, as `dora run` takes them")
    parser.add_argument("--plan", action="store_true", help="print the steps, and run nothing")
    parser.add_argument("--until", metavar="STEP", help="stop after this step")
    parser.add_argument("--only", metavar="STEP", help="run this step, if those before it are done")
    _add_source(parser.add_argument_group("source and texts"))
    _add_sizes(parser.add_argument_group("sizes"))
    _add_slurm(parser.add_argument_group("Slurm"))


def _add_source(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--root", type=Path, help="paper: an unpacked Slakh2100 redux (default: from --archive)")
    group.add_argument("--archive", type=Path, help="paper: Slakh2100's archive (default: in --out)")
    group.add_argument("--fetch", action="store_true", help="paper: download the archive, 104 GB, if it is not there")
    group.add_argument("--part", action="store_true", help="paper: --root may have a part of the tracks")
    group.add_argument("--captions", choices=["mu-llama", "musicnn", "none"],
                       help="default: mu-llama, as the paper; nano: musicnn")  # fmt: skip
    group.add_argument("--caption-command", help="mu-llama: what starts its process")
    group.add_argument("--describer", metavar="MODEL", help="a chat model, or template (default: gpt-4o, as the paper; "
                       "nano: template)")  # fmt: skip
    group.add_argument("--budget", type=float, metavar="DOLLARS", help="what descriptions may cost")


def _add_sizes(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--works", type=at_least_one, help="nano: of the embedded corpus (default: all)")
    group.add_argument("--excerpts", type=at_least_one, default=200, help="of Table 1 (default: 200)")
    group.add_argument(
        "--seconds", type=time_between(0.1, 3600), metavar="TIME",
        help="of each (default: of Table 1 what the models play at once, of the page 30, nano: 8)",
    )  # fmt: skip
    group.add_argument("--metrics", metavar="NAME,...", help="of Table 1 (default: paper; nano: offline)")
    group.add_argument("--shown", type=at_least_one, default=6, help="excerpts on the page (default: 6)")
    group.add_argument("--workers", type=at_least_one, default=2, help="processes, and threads of torch (default: 2)")
    group.add_argument("--gpus", type=at_least_one, help="of the machine that trains (default: those of this one)")


def _add_slurm(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--slurm", action="store_true", help="write a job for each step to do, and submit them where "
                       "there is sbatch")  # fmt: skip
    group.add_argument("--partition", help="of Slurm")
    group.add_argument("--account", help="of Slurm")
    group.add_argument("--minutes", type=at_least_one, help="limit of each job; after it the same command goes on "
                       "(default: twice what its step was reckoned to take)")  # fmt: skip
    group.add_argument("--memory", type=at_least_one, default=64, metavar="GB", help="of a job (default: 64)")


def run(args: argparse.Namespace) -> int:
    """Plan, run or submit; returns the exit code."""
    import torch

    from dataset_builder.runtime import locks

    from ...workflows.reproduction import plan, recipe, running
    from ...workflows.reproduction.progress import Progress
    from ...workflows.reproduction.settings import ReproductionSettings

    args.gpus = args.gpus or max(1, torch.cuda.device_count())
    for name in ("out", "root", "archive"):
        if getattr(args, name):
            setattr(args, name, getattr(args, name).absolute())
    values = {name: getattr(args, name) for name in _VALUES}
    settings = ReproductionSettings(
        args.scale, args.out, fetch=args.fetch, part=args.part, overrides=tuple(args.overrides), **values
    )
    steps = recipe.steps_of(settings)
    _require_sense(args, [step.name for step in steps])
    if args.plan:
        print(plan.text(Progress(args.out, steps), settings.replaced()))
    elif args.slurm:
        print(_submitted(Progress(args.out, steps), args))
    else:
        with locks.alone(args.out):
            running.run(Progress(args.out, steps), args.until, args.only)
    return 0


def _require_sense(args: argparse.Namespace, names: Sequence[str]) -> None:
    for option in ("until", "only"):
        if (name := getattr(args, option)) not in (None, *names):
            raise UserError(f"--{option} {name}: expected one of {', '.join(names)}")
    if sum(map(bool, (args.plan, args.slurm, args.only))) > 1:
        raise UserError("expected one of --plan, --slurm and --only")


def _submitted(progress: "Progress", args: argparse.Namespace) -> str:
    """What became of the steps to do: written, and submitted where that is possible."""
    from ...workflows.reproduction import running, slurm

    steps = running.up_to(progress.to_do(), args.until)
    if not steps:
        return "all steps are done"
    running.refuse_lacking(steps, here=False)
    jobs = slurm.Jobs(args.partition, args.account, args.gpus, args.workers, args.memory, args.minutes)
    script = slurm.write(args.out, steps, jobs, _again(args))
    said = slurm.submit(script)
    return said or f"there is no sbatch here: bash {script} submits {len(steps)} jobs where there is"


def _again(args: argparse.Namespace) -> list[str]:
    """The words of this command, for a job that runs a step of it: as they were, without what is this call's."""
    words = ["reproduce", "--scale", args.scale, "--out", str(args.out), *args.overrides]
    for name in _VALUES:
        value = getattr(args, name)
        words += [f"--{name.replace('_', '-')}", str(value)] if value is not None else []
    return [*words, *(["--fetch"] if args.fetch else [])]
