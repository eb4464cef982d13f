"""`python -m dataset_builder`: from tracks to a described, paired data set."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import manifest
from .captions import CAPTIONERS
from .check import check
from .descriptions import DESCRIBERS
from .errors import UserError
from .items import Item
from .key import KEY_BACKENDS
from .materialise import FOLDER, materialise
from .pipeline import SOURCES, BuildSettings, build
from .sources.nano import NanoSettings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dataset_builder", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser(
        "build", help="make a data set, or finish one",
        description="Make a data set: items (mix, stems, submixes), tempo, key, captions, descriptions, manifests. "
        "A run that was stopped goes on where it was.",
    )  # fmt: skip
    make.add_argument("--source", choices=sorted(SOURCES), required=True, help="nano: the embedded corpus")
    make.add_argument("--root", type=Path, help="Slakh2100's folder (for --source slakh)")
    make.add_argument("--out", type=Path, required=True, help="the data set's folder")
    make.add_argument("--works", type=int, help="nano: how many works (default: all)")
    make.add_argument("--variants", type=int, default=0, help="nano: more tracks of each training work (default: 0)")
    make.add_argument("--seconds", type=float, default=64.0, help="nano: longest music of a track (default: 64)")
    make.add_argument("--submixes", type=int, default=3, help="submixes of each size 2, 3, 4 (default: 3)")
    make.add_argument("--captions", choices=[*CAPTIONERS, "none"], default="musicnn", help="default: musicnn")
    make.add_argument("--caption-windows", type=int, default=3, help="10 s windows an item (default: 3)")
    make.add_argument("--descriptions", choices=[*DESCRIBERS, "none"], default="template", help="default: template")
    make.add_argument("--key", choices=list(KEY_BACKENDS), default="fast", help="default: fast (equals music21)")
    make.add_argument("--workers", type=int, default=2, help="processes (default: 2); the result does not depend on it")
    show = commands.add_parser("show", help="print an item as the model is given it")
    show.add_argument("root", type=Path, help="the data set's folder")
    show.add_argument("item", help="for instance Track00001-mix")
    files = commands.add_parser("materialise", help="write every item as a file, for stock audiocraft")
    files.add_argument("root", type=Path, help="the data set's folder")
    whole = commands.add_parser("check", help="prove a data set whole: every path, duration and field")
    whole.add_argument("root", type=Path, help="the data set's folder")
    move = commands.add_parser("relocate", help="say where the source's audio is now")
    move.add_argument("root", type=Path, help="the data set's folder")
    move.add_argument("--source", type=Path, required=True, help="the source's folder, such as slakh2100_flac_redux")
    return parser


def _build(args: argparse.Namespace) -> None:
    settings = BuildSettings(
        source=args.source, out=args.out, root=args.root, submixes=args.submixes, captions=args.captions,
        caption_windows=args.caption_windows, descriptions=args.descriptions, key_backend=args.key,
        workers=args.workers, nano=NanoSettings(args.works, args.variants, args.seconds),
    )  # fmt: skip
    print(build(settings).text())


def _check(args: argparse.Namespace) -> None:
    faults = check(args.root)
    for fault in faults:
        print(fault)
    if faults:
        raise UserError(f"{args.root} has {len(faults)} faults: mend the source and build again into another folder")
    print(f"{args.root} is whole")


def _materialise(args: argparse.Namespace) -> None:
    materialise(args.root)
    print(f"stock audiocraft's manifests are in {args.root / FOLDER}")


def _relocate(args: argparse.Namespace) -> None:
    manifest.relocate(args.root, args.source)


def _show(args: argparse.Namespace) -> None:
    items = {item.id: item for split in manifest.SPLITS for item in manifest.load(args.root, split)}
    if args.item not in items:
        raise UserError(f"no item {args.item!r} in {args.root}: it has {len(items)}, such as {next(iter(items), '-')}")
    print(_text(items[args.item]))


def _text(item: Item) -> str:
    references = ", ".join(f"{reference.item} ({reference.melody:.2f})" for reference in item.references[:5])
    values = manifest.sidecar(item)
    return "\n".join(
        [
            f"{name:12} {values[name]}"
            for name in ("name", "kind", "split", "duration", "bpm", "key", "caption", "prompt")
        ]
        + [f"{'references':12} {references}"]
    )


COMMANDS = {"build": _build, "check": _check, "materialise": _materialise, "relocate": _relocate, "show": _show}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    args = _parser().parse_args(argv)
    try:
        COMMANDS[args.command](args)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; run it again to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
