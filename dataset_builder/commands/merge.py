"""`python -m dataset_builder merge`: make a data set of its shards.

The bytes are those of a build without shards. Shards that are missing are named, and a track whose sources have changed
since its shard was built.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from .options import add_caption_options, add_chat_options, audio_llm, chat_settings


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("merge", help="make a data set of its shards", description=__doc__)
    parser.add_argument("root", type=Path, help="the data set's folder, the shards' --out")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    parser.add_argument(
        "--remove-gone", action="store_true", help="even if the source has lost more than a quarter of the tracks"
    )
    add_caption_options(parser.add_argument_group("captions (if it was built with --captions chat or table)"))
    add_chat_options(parser.add_argument_group("language model (if it was built with --descriptions chat)"))


def run(args: argparse.Namespace) -> int:
    """Merge and print the report; returns the exit code."""
    from ..pipeline.build import merge
    from ..pipeline.settings import recorded

    captions = replace(recorded(args.root, 1), caption_url=args.caption_url, caption_table=args.caption_table)
    settings = captions.caption_settings()
    chat, hearing = chat_settings(args), audio_llm(args, settings)
    print(merge(args.root, args.workers, chat, settings, hearing, lose_gone=args.remove_gone).text())
    return 0
