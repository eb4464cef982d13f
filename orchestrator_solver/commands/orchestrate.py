"""`orchestrator orchestrate`: play a reference on the instruments you name.

Writes `<reference>-<instruments>-s<seed>.wav` and a JSON file beside it that says how it came about.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..generation.orchestrate import Description
    from ..generation.reference_audio import ReferenceAudio


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("orchestrate", help="play a reference on other instruments", description=__doc__)
    parser.add_argument("reference", type=Path, help="what to play: wav, flac, mp3, ogg or MIDI")
    parser.add_argument("--instruments", required=True, metavar="LIST", help='such as "violin, cello, drums"')
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument("--model", default="nano", help="a shipped model or an exported one's folder (default: nano)")
    words = parser.add_mutually_exclusive_group()
    words.add_argument("--description", metavar="TEXT", help="what the music is like, in your own words")
    words.add_argument(
        "--describe", action=argparse.BooleanOptionalAction, default=True,
        help="describe the reference by its mood, genre, tempo and key (default: yes)",
    )  # fmt: skip
    _add_numbers(parser)
    parser.add_argument("--format", choices=["wav", "flac"], default="wav", help="default: wav")


def _add_numbers(parser: argparse.ArgumentParser) -> None:
    seconds, share, count = _between(float, 1, 3600, " seconds"), _between(float, 0, 100), _between(int, 1, 100)
    parser.add_argument("--duration", type=seconds, metavar="S", help="seconds of output (default: the reference's)")
    parser.add_argument(
        "--samples", type=count, default=1, metavar="N", help="takes, each with the next seed (default: 1)"
    )
    parser.add_argument("--seed", type=_between(int, 0, 2**63 - 1), default=0, help="of the first take (default: 0)")
    parser.add_argument("--guidance", type=share, default=3.0, help="how strictly to follow, 1 is least (default: 3)")
    parser.add_argument("--temperature", type=share, default=1.0, help="how free to play, 0 is least (default: 1)")


def run(args: argparse.Namespace) -> int:
    """Orchestrate; returns the exit code. What can fail fails before the model is asked to play."""
    from dataset_builder.music.instruments import parse_instruments

    from ..generation import recordings
    from ..generation.reference_audio import read_reference

    instruments = parse_instruments(args.instruments)
    recordings.check_writable(args.out)
    reference = read_reference(args.reference, args.duration)

    from ..generation.model import load_model
    from ..generation.orchestrate import Settings, play, warnings_of, write
    from ..runtime.progress_bar import Bar

    model = load_model(args.model)
    description = _description(args, reference)
    settings = Settings(args.duration or reference.seconds, args.guidance, args.temperature)
    warnings = warnings_of(reference, instruments, description, model, settings)
    for line in warnings:
        print(f"warning: {line}", file=sys.stderr)
    for seed in range(args.seed, args.seed + args.samples):
        with Bar(f"take {seed - args.seed + 1} of {args.samples}") as progress:
            wav, record = play(model, reference, instruments, description, seed, settings, progress)
        path = write(args.out, args.format, args.reference, reference, wav, {**record, "warnings": warnings})
        print(f"{path}  ({', '.join(f'{name} {value}' for name, value in record['scores'].items())})")
    return 0


def _description(args: argparse.Namespace, reference: "ReferenceAudio") -> "Description":
    from ..generation.orchestrate import Description, describe

    if args.description:
        return Description(args.description.strip(), "user")
    return describe(reference) if args.describe else Description(None, "none")


def _between(kind: Callable[[str], float], least: float, most: float, unit: str = "") -> Callable[[str], float]:
    """An argument's type: a number of this kind, within these bounds."""

    def number(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:  # neither is nan
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and {most}{unit}")
        return value

    number.__name__ = kind.__name__  # as argparse says what was expected
    return number
