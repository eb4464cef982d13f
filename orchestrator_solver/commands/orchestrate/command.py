"""`orchestrator orchestrate`: play a reference on the instruments you name.

Writes `<reference>-<instruments>-<model>-g<guidance>-s<seed>-<digits>.wav` and a JSON file beside it that says how it
came about. The digits are of all that was asked for and of the audio: the same again has the same name, and no take
replaces another.
"""

import argparse
import sys
from pathlib import Path

from dataset_builder.audio.limits import MOST_SECONDS as LONGEST_FILE
from dataset_builder.audio.times import time_between
from dataset_builder.errors import UserError

from ..generation.references.excerpt import MIN_SECONDS, MOST_SECONDS, Part
from ..generation.sampling import add_sampling_options, number_between, sampling_of
from ..runtime.placement import add_placement_options, placement


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("orchestrate", help="play a reference on other instruments", description=__doc__)
    parser.add_argument("reference", type=Path, help="what to play: wav, flac, mp3, ogg, m4a, MIDI or MusicXML")
    parser.add_argument("--instruments", required=True, metavar="LIST", help='such as "violin, cello, drums"')
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--model", default="nano", help="a shipped model, an exported folder, a run, or one at the hub (default: nano)"
    )
    words = parser.add_mutually_exclusive_group()
    words.add_argument("--description", metavar="TEXT", help="what the music is like, in your own words")
    words.add_argument(
        "--describe", action=argparse.BooleanOptionalAction, default=True,
        help="describe the reference by its mood, genre, tempo and key (default: yes)",
    )  # fmt: skip
    _add_numbers(parser)
    parser.add_argument("--format", choices=["wav", "flac"], default="wav", help="default: wav")


def _add_numbers(parser: argparse.ArgumentParser) -> None:
    count, seed = number_between(int, 1, 100), 2**63 - 1
    parser.add_argument(
        "--duration", type=time_between(MIN_SECONDS, MOST_SECONDS), metavar="TIME",
        help="of the output (default: the reference's)",
    )  # fmt: skip
    day = time_between(0, LONGEST_FILE)
    parser.add_argument(
        "--from",
        dest="begin",
        type=day,
        default=0.0,
        metavar="TIME",
        help="play the reference from here on, such as 1:02.5",
    )
    parser.add_argument("--to", dest="end", type=day, metavar="TIME", help="and to here; times are 0:30, 90 or 90 s")
    parser.add_argument(
        "--samples", type=count, default=1, metavar="N", help="takes, each with the next seed (default: 1)"
    )
    parser.add_argument("--seed", type=number_between(int, 0, seed), default=0, help="of the first take (default: 0)")
    add_sampling_options(parser)
    add_placement_options(parser)


def run(args: argparse.Namespace) -> int:
    """Orchestrate; returns the exit code. What can fail fails before the model is asked to play."""
    from dataset_builder.music.instrument_words import asked_for
    from dataset_builder.music.instruments import refuse_word

    from ..generation import recordings
    from ..generation.reference_audio import read_reference
    from ..weights.package import reads_any_words

    asked, part = asked_for(args.instruments), _part(args)
    if args.description is not None and not args.description.strip():
        raise UserError("--description is empty: say what the music is like, or --no-describe to say nothing")
    if unknown := [one.word for one in asked if not one.instrument and not reads_any_words(args.model)]:
        refuse_word(unknown[0])
    recordings.check_writable(args.out)
    where = placement(args.device, args.precision)
    reference = read_reference(args.reference, part)

    from ..generation.model import load_model
    from ..generation.orchestrator import Orchestrator
    from ..runtime.progress_bar import Bar

    player = Orchestrator(load_model(args.model, where))
    request = player.request(reference, args.instruments, args.description if args.describe else "")
    seconds = args.duration or reference.seconds
    for line in player.warnings(request, seconds):
        print(f"warning: {line}", file=sys.stderr)
    for take in range(args.samples):
        sampling = sampling_of(args, args.seed + take)
        with Bar(f"take {take + 1} of {args.samples}") as progress:
            (recording,) = player.play([request], seconds, sampling, progress=progress)
        path = recordings.write(recording, args.out, args.format)
        print(f"{path}  ({', '.join(f'{name} {value}' for name, value in recording.record['scores'].items())})")
    return 0


def _part(args: argparse.Namespace) -> Part:
    """What is read of the reference: no more than is played.

    Raises:
        UserError: it is none.
    """
    asked = Part(args.begin, args.end)
    heard = args.begin + args.duration if args.duration else None
    return Part(args.begin, min((end for end in (asked.end, heard) if end is not None), default=None))
