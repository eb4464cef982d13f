"""`python -m dataset_builder build`: make a data set, or finish one.

Items (mix, stems, submixes), tempo, key, captions, descriptions, manifests, report. A stopped run goes on where it was.
Tracks whose sources have changed since are made again, what was made of folders that are gone is removed, and both are
listed. The result is the same, to the byte, whatever the workers, shards and interruptions.
"""

import argparse
from pathlib import Path

from ..dataset.report import Report
from ..descriptor.captions.registry import CAPTIONERS
from ..descriptor.describers import DESCRIBERS
from ..errors import UserError
from ..items.grouping import GROUPINGS
from ..music.instrument_words import NAMINGS
from ..music.key import KEY_BACKENDS
from ..nano.corpus import NanoSettings
from ..pipeline.settings import BuildSettings
from ..runtime.shards import Shard
from ..sources.registry import READERS
from .materialise import materialise_data
from .options import add_caption_options, add_chat_options, add_launch_options, audio_llm, chat_settings, launch_of


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("build", help="make a data set, or finish one", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the data set's folder")
    _add_source(parser.add_argument_group("source"))
    _add_items(parser.add_argument_group("items"))
    texts = parser.add_argument_group("captions and descriptions")
    texts.add_argument("--captions", choices=[*CAPTIONERS, "none"], default="musicnn", help="default: musicnn")
    texts.add_argument(
        "--caption-windows", type=int, default=3, help="windows of an item that are captioned (default: 3)"
    )
    texts.add_argument("--caption-model", help="chat: as the server names it; mu-llama: which checkpoint it loads")
    texts.add_argument(
        "--caption-command",
        help="mu-llama: what starts its process (see dataset_builder/descriptor/captions/mu_llama.py)",
    )
    add_caption_options(texts)
    texts.add_argument("--descriptions", choices=[*DESCRIBERS, "none"], default="template", help="default: template")
    texts.add_argument("--estimate", action="store_true", help="say what models elsewhere would take; send nothing")
    add_chat_options(parser.add_argument_group("language model (--descriptions chat)"))
    _add_scale(parser.add_argument_group("scale"))


def _add_source(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--source", choices=sorted(READERS), required=True, help="nano: the embedded corpus; stems: your own"
    )
    group.add_argument("--root", type=Path, help="folder of Slakh2100, or of your own tracks")
    group.add_argument("--omitted", choices=["redux"], help="leave out what redux omits of the original Slakh2100")
    group.add_argument("--audit", action="store_true", help="look for defects in every file (see the command audit)")
    group.add_argument(
        "--policy", action="append", default=[], metavar="KIND=POLICY", help="use, skip or stop at a kind of defect"
    )
    group.add_argument(
        "--remove-gone", action="store_true", help="even if the source has lost more than a quarter of the tracks"
    )
    group.add_argument("--works", type=int, help="nano: how many works (default: all)")
    group.add_argument("--variants", type=int, default=0, help="nano: more tracks of each training work (default: 0)")
    group.add_argument("--seconds", type=float, default=64.0, help="nano: longest music of a track (default: 64)")


def _add_items(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--submixes", type=int, default=3, help="submixes of each size 2, 3, 4 (default: 3)")
    group.add_argument(
        "--grouping", choices=list(GROUPINGS), default="stem", help="one instrument is (default: a stem)"
    )
    group.add_argument("--key", choices=list(KEY_BACKENDS), default="fast", help="default: fast (equals music21)")
    group.add_argument(
        "--instrument-words", choices=list(NAMINGS), default="classes",
        help="what the prompts that stock audiocraft reads call instruments: Slakh's classes, or General MIDI's sounds "
        "(default: classes; our own training has a setting of its own, orchestrator.instrument_words)",
    )  # fmt: skip
    group.add_argument("--materialise", action="store_true", help="also write every item as FLAC, for stock audiocraft")


def _add_scale(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--workers", type=int, default=2, help="processes, of each job (default: 2)")
    group.add_argument("--shard", metavar="I/N", help="make one part of N; merge makes the whole")
    add_launch_options(group)


def run(args: argparse.Namespace) -> int:
    """Build and print the report; returns the exit code."""
    settings = BuildSettings(
        source=args.source, out=args.out, root=args.root, omit=args.omitted == "redux", audit=args.audit,
        policy=tuple(args.policy), submixes=args.submixes,
        grouping=args.grouping, captions=args.captions, caption_windows=args.caption_windows,
        caption_url=args.caption_url, caption_model=args.caption_model, caption_command=args.caption_command,
        caption_table=args.caption_table, descriptions=args.descriptions, chat_model=args.model,
        key_backend=args.key, instrument_words=args.instrument_words, workers=args.workers,
        remove_gone=args.remove_gone, nano=NanoSettings(args.works, args.variants, args.seconds),
    )  # fmt: skip
    if args.estimate:
        from ..pipeline.cost_forecast import forecast

        print(forecast(settings, chat_settings(args), audio_llm(args, settings.caption_settings())))
        return 0
    if args.shard:
        if args.launcher or args.materialise:
            raise UserError("--shard makes one part: expected no --launcher and no --materialise beside it")
        from ..pipeline.build import build_shard

        count = build_shard(settings, Shard.parse(args.shard))
        print(f"shard {args.shard}: {count} tracks; when all are done: python -m dataset_builder merge {args.out}")
        return 0
    print(_built(settings, args).text())
    if args.materialise:
        materialise_data(args.out, args)
    return 0


def _built(settings: BuildSettings, args: argparse.Namespace) -> Report:
    captioner = audio_llm(args, settings.caption_settings())
    if not args.launcher:
        from ..pipeline.build import build

        return build(settings, chat_settings(args), captioner)
    from ..pipeline.cluster_jobs import launch_build

    return launch_build(settings, launch_of(args), chat_settings(args), captioner)
