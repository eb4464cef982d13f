"""`orchestrator orchestrate`: play a reference, or a folder of them, on the instruments you name.

Writes `<reference>-<instruments>-<model>-g<guidance>-s<seed>-<digits>.wav` and a JSON file beside it that says how it
came about. The digits are of all that was asked for and of the audio: the same again has the same name, and no take
replaces another. Of a folder every file is played, and `results.csv` lists all takes that are in --out and what could
not be played; run again, it plays what is missing. The exit code is 1 if files of a folder could not be played.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dataset_builder.audio.limits import MOST_SECONDS as LONGEST_FILE
from dataset_builder.audio.times import time_between
from dataset_builder.descriptor.captions.registry import CAPTIONERS, CaptionSettings
from dataset_builder.descriptor.describers import DESCRIBERS
from dataset_builder.llm.settings import ChatSettings

from ...generation.descriptor import Descriptor
from ...generation.reference_audio import FASTEST, SLOWEST, Hints
from ...generation.references.excerpt import MIN_SECONDS, MOST_SECONDS, Part
from ...generation.sampling import add_sampling_options, number_between
from ...generation.takes.mixing import LOUDNESS
from ...runtime.placement import add_placement_options

if TYPE_CHECKING:
    from ...generation.takes.ranking import Ranking


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("orchestrate", help="play a reference on other instruments", description=__doc__)
    parser.add_argument(
        "reference", type=Path, help="what to play: wav, flac, mp3, ogg, m4a, MIDI, MusicXML, or a folder of these"
    )
    parser.add_argument("--instruments", required=True, metavar="LIST", help='such as "violin, cello, drums"')
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--model", default="nano", help="a shipped model, an exported folder, a run, or one at the hub (default: nano)"
    )
    _add_reference(parser.add_argument_group("the reference"))
    _add_texts(parser.add_argument_group("its description"))
    _add_takes(parser.add_argument_group("takes"))
    add_sampling_options(parser)
    add_placement_options(parser)


def _add_reference(group: argparse._ArgumentGroup) -> None:
    day = time_between(0, LONGEST_FILE)
    group.add_argument(
        "--from", dest="begin", type=day, default=0.0, metavar="TIME", help="play it from here on, such as 1:02.5"
    )
    group.add_argument("--to", dest="end", type=day, metavar="TIME", help="and to here; times are 0:30, 90 or 90 s")
    one = group.add_mutually_exclusive_group()
    one.add_argument(
        "--one-instrument", action="store_true", default=None,
        help="it is one instrument's: a model that separates need not (default: found out)",
    )  # fmt: skip
    one.add_argument("--several-instruments", dest="one_instrument", action="store_false", help="it is several's")
    tempo = number_between(float, SLOWEST, FASTEST)
    group.add_argument("--tempo", type=tempo, metavar="BPM", help="quarters a minute (default: found out)")
    group.add_argument("--key", help='such as "G minor" or "Bb major" (default: found out)')


def _add_texts(group: argparse._ArgumentGroup) -> None:
    words = group.add_mutually_exclusive_group()
    words.add_argument("--description", metavar="TEXT", help="what the music is like, in your own words")
    words.add_argument(
        "--describe", action=argparse.BooleanOptionalAction, default=True,
        help="describe the reference by its mood, genre, tempo and key (default: yes)",
    )  # fmt: skip
    group.add_argument("--captioner", choices=[*CAPTIONERS, "none"], default="musicnn", help="default: musicnn")
    group.add_argument(
        "--caption-windows", type=number_between(int, 1, 100), default=3, metavar="N",
        help="chat, mu-llama: parts of a long reference that are captioned (default: 3)",
    )  # fmt: skip
    group.add_argument("--caption-url", help="chat: an OpenAI-compatible server with an audio language model")
    group.add_argument("--caption-model", help="chat: as the server names it; mu-llama: which checkpoint it loads")
    group.add_argument("--caption-command", help="mu-llama: what starts its process")
    group.add_argument(
        "--caption-table", type=Path, help='table: JSONL, {"item": NAME OF THE FILE, "caption": TEXT} a line'
    )
    group.add_argument("--describer", choices=[*DESCRIBERS, "none"], default="template", help="default: template")
    group.add_argument("--describer-model", default="gpt-4o", help="chat: as the server names it (default: gpt-4o)")
    group.add_argument("--describer-url", help="chat: of the server (default: OPENAI_BASE_URL, or OpenAI's)")
    group.add_argument(
        "--send-openai-key", action="store_true",
        help="chat: send OPENAI_API_KEY to --describer-url (default: CHAT_API_KEY, if set)",
    )  # fmt: skip


def _add_takes(group: argparse._ArgumentGroup) -> None:
    count, seed = number_between(int, 1, 100), number_between(int, 0, 2**63 - 1)
    group.add_argument(
        "--duration", type=time_between(MIN_SECONDS, MOST_SECONDS), metavar="TIME",
        help="of the output (default: the reference's)",
    )  # fmt: skip
    group.add_argument(
        "--samples", type=count, default=1, metavar="N", help="takes, each with the next seed (default: 1)"
    )
    group.add_argument(
        "--candidates", type=count, default=1, metavar="N",
        help="play N for each take and keep the best (default: 1)",
    )  # fmt: skip
    group.add_argument(
        "--rank-by", default=None, metavar="NAME=WEIGHT,...",
        help="what candidates are compared by: melody, instruments and text, which is LAION's CLAP and needs its "
        "weights (default: melody=0.5,instruments=0.5)",
    )  # fmt: skip
    group.add_argument("--clap-checkpoint", type=Path, metavar="FILE", help="LAION's CLAP, for text; see evaluate")
    group.add_argument("--any-checkpoint", action="store_true", help="take other weights of CLAP than the published")
    group.add_argument(
        "--stream", type=Path, metavar="FILE", help="also a wav that can be listened to while the take is played"
    )
    group.add_argument("--parts", action="store_true", help="play each instrument by itself, and mix them")
    group.add_argument("--midi", action="store_true", help="also write the notes that are heard in a take")
    group.add_argument("--with-reference", action="store_true", help="also write the take together with the reference")
    group.add_argument(
        "--loudness", type=_loudness, default=LOUDNESS, metavar="LUFS",
        help=f"of what is written, or off: as it was played (default: {LOUDNESS:g})",
    )  # fmt: skip
    group.add_argument(
        "--redo", type=_stretch, metavar="FROM-TO",
        help="make this stretch of --take anew, such as 0:10-0:14; asked for as the take was",
    )  # fmt: skip
    group.add_argument("--take", type=Path, metavar="FILE", help="of --redo: a take with its JSON file")
    group.add_argument("--seed", type=seed, default=0, help="of the first take (default: 0)")
    group.add_argument("--format", choices=["wav", "flac"], default="wav", help="default: wav")
    group.add_argument(
        "--json", action="store_true", help="print each take's record as a line of JSON, and nothing else"
    )


def _loudness(text: str) -> float | None:
    return None if text == "off" else number_between(float, -60, 0, " LUFS")(text)


_loudness.__name__ = "LUFS"  # as argparse says what was expected


def _stretch(text: str) -> tuple[float, float]:
    begin, dash, end = text.partition("-")
    if not dash:
        raise argparse.ArgumentTypeError(f"{text} is no stretch: expected such as 0:10-0:14")
    of_day = time_between(0, LONGEST_FILE)
    return of_day(begin), of_day(end)


_stretch.__name__ = "FROM-TO"


def part_of(args: argparse.Namespace) -> Part:
    """What is read of a reference: no more than is played.

    Raises:
        UserError: it is none.
    """
    asked = Part(args.begin, args.end)
    heard = args.begin + args.duration if args.duration else None
    return Part(args.begin, min((end for end in (asked.end, heard) if end is not None), default=None))


def hints_of(args: argparse.Namespace) -> Hints:
    """What the user knows of the reference.

    Raises:
        UserError: the key is none.
    """
    return Hints(args.tempo, args.key, args.one_instrument)


def ranking_of(args: argparse.Namespace) -> "Ranking":
    """By what candidates are compared.

    Raises:
        UserError: a name or weight that is none.
    """
    from ...generation.takes.ranking import WEIGHTS, Ranking, weights_of

    weights = WEIGHTS if args.rank_by is None else weights_of(args.rank_by)
    return Ranking(weights, {"clap": {"checkpoint": args.clap_checkpoint, "any_hash": args.any_checkpoint}})


def descriptor_of(args: argparse.Namespace) -> Descriptor:
    """Who describes the reference."""
    captions = CaptionSettings(
        args.captioner, args.caption_windows, args.caption_url, args.caption_model, args.caption_command,
        args.caption_table,
    )  # fmt: skip
    chat = ChatSettings(args.describer_model, args.describer_url, send_openai_key=args.send_openai_key)
    return Descriptor(captions, args.describer, chat)
