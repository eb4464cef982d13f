"""`python -m dataset_builder show`: print an item as the model is given it."""

import argparse
from pathlib import Path

from ..cli import printable
from ..dataset import manifest
from ..errors import UserError
from ..items.item import Item

FIELDS = ("name", "kind", "split", "duration", "bpm", "key", "caption", "prompt")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("show", help="print an item as the model is given it", description=__doc__)
    parser.add_argument("root", type=Path, help="the data set's folder")
    parser.add_argument("item", help="for instance Track00001-mix")


def run(args: argparse.Namespace) -> int:
    """Print the item; returns the exit code."""
    items = {item.id: item for split in manifest.SPLITS for item in manifest.load(args.root, split)}
    if args.item not in items:
        raise UserError(f"no item {args.item!r} in {args.root}: it has {len(items)}, such as {next(iter(items), '-')}")
    words = manifest.read_origin(args.root).settings.get("instrument_words", "classes")
    print(_text(items[args.item], words))
    return 0


def _text(item: Item, instrument_words: str) -> str:
    references = ", ".join(f"{reference.item} ({reference.melody:.2f})" for reference in item.references[:5])
    values = manifest.sidecar(item, instrument_words)
    lines = [*(f"{name:12} {values[name]}" for name in FIELDS), f"{'references':12} {references}"]
    return "\n".join(map(printable, lines))
