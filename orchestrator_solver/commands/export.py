"""`orchestrator export`: a run's best weights as safetensors and JSON, for others and for `--model`."""

import argparse
from pathlib import Path

from dataset_builder.errors import UserError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("export", help="write a run's best weights as safetensors", description=__doc__)
    parser.add_argument("sig", help="the run's signature, as `dora run` prints it")
    parser.add_argument("--out", type=Path, required=True, help="folder to write model.safetensors and model.json to")
    parser.add_argument("--instruments-of", type=Path, metavar="DATA", help="data set whose instruments it learned")


KINDS = {"orchestrator": "lm", "orchestrator_codec": "codec"}  # by solver


def run(args: argparse.Namespace) -> int:
    """Export; returns the exit code."""
    from audiocraft.utils.checkpoint import load_checkpoint

    from .. import checkpoint, train
    from ..inventory import instruments_of

    path = Path(train.main.dora.dir) / "xps" / args.sig / "checkpoint.th"
    if not path.is_file():
        raise UserError(f"no checkpoint {path}: expected the signature of a run that finished an epoch")
    state = load_checkpoint(path)
    cfg = state["xp.cfg"]
    facts = {"run": args.sig, "solver": cfg.solver, "epochs": len(state["history"])}
    if args.instruments_of:
        facts["instruments"] = instruments_of(args.instruments_of)
    weights = state.get("fsdp_best_state") or state["best_state"]
    checkpoint.save(args.out, KINDS[cfg.solver], cfg, weights["model"], facts)
    print(f"wrote {args.out}/model.safetensors and model.json")
    return 0
