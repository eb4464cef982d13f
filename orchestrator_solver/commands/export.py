"""`orchestrator export`: a model as safetensors and JSON, in our own format or that of another library, with a card.

Formats: `ours` (for --model, --finetuned and continue_from=//pretrained/DIR; weights in 16 bits), `audiocraft`
(MusicGen.get_pretrained), `transformers` (MusicgenMelodyForConditionalGeneration) and `peft` (LoRA's additions alone).
What a format cannot hold is refused. The card's licence is that of the weights which the training began with.
"""

import argparse
from pathlib import Path

_FORMATS = ("ours", "audiocraft", "transformers", "peft")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("export", help="write a model as safetensors, with a card", description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument(
        "name", metavar="SIG", help="a run's signature, as `dora run` prints it, or another model's name"
    )
    parser.add_argument("--to", type=Path, metavar="DIR", required=True, help="folder to write to")
    parser.add_argument("--format", choices=_FORMATS, default="ours", help="of which library (default: ours)")
    parser.add_argument("--instruments-of", type=Path, metavar="DATA", help="data set whose instruments it learned")
    parser.add_argument("--scores", type=Path, metavar="JSON", help="table1.json of an evaluation of it, for the card")


def run(args: argparse.Namespace) -> int:
    """Export; returns the exit code."""
    from ..formats.registry import CARD, FORMATS
    from ..workflows.export import export

    export(args.name, args.to, args.instruments_of, args.format, args.scores)
    written = [name for name in (*FORMATS[args.format].files, CARD) if (args.to / name).is_file()]
    print(f"wrote {', '.join(written)} to {args.to}")
    return 0
