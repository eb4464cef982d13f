"""`python -m dataset_builder build`: make a data set, or finish one.

Items (mix, stems, submixes), tempo, key, captions, descriptions, manifests. A stopped run goes on where it was.
"""

import argparse
from pathlib import Path

from ..captions import CAPTIONERS
from ..descriptions import DESCRIBERS
from ..grouping import GROUPINGS
from ..key import KEY_BACKENDS
from ..pipeline import BuildSettings, build
from ..sources import READERS
from ..sources.nano import NanoSettings


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("build", help="make a data set, or finish one", description=__doc__)
    parser.add_argument(
        "--source", choices=sorted(READERS), required=True, help="nano: the embedded corpus; stems: your own"
    )
    parser.add_argument("--root", type=Path, help="folder of Slakh2100, or of your own tracks")
    parser.add_argument("--omitted", choices=["redux"], help="leave out what redux omits of the original Slakh2100")
    parser.add_argument("--out", type=Path, required=True, help="the data set's folder")
    parser.add_argument("--works", type=int, help="nano: how many works (default: all)")
    parser.add_argument("--variants", type=int, default=0, help="nano: more tracks of each training work (default: 0)")
    parser.add_argument("--seconds", type=float, default=64.0, help="nano: longest music of a track (default: 64)")
    parser.add_argument("--submixes", type=int, default=3, help="submixes of each size 2, 3, 4 (default: 3)")
    parser.add_argument(
        "--grouping", choices=list(GROUPINGS), default="stem", help="one instrument is (default: a stem)"
    )
    parser.add_argument("--captions", choices=[*CAPTIONERS, "none"], default="musicnn", help="default: musicnn")
    parser.add_argument("--caption-windows", type=int, default=3, help="10 s windows an item (default: 3)")
    parser.add_argument("--descriptions", choices=[*DESCRIBERS, "none"], default="template", help="default: template")
    parser.add_argument("--key", choices=list(KEY_BACKENDS), default="fast", help="default: fast (equals music21)")
    parser.add_argument(
        "--workers", type=int, default=2, help="processes (default: 2); the result does not depend on it"
    )


def run(args: argparse.Namespace) -> int:
    """Build and print the report; returns the exit code."""
    settings = BuildSettings(
        source=args.source, out=args.out, root=args.root, omit=args.omitted == "redux", submixes=args.submixes,
        grouping=args.grouping, captions=args.captions, caption_windows=args.caption_windows,
        descriptions=args.descriptions, key_backend=args.key, workers=args.workers,
        nano=NanoSettings(args.works, args.variants, args.seconds),
    )  # fmt: skip
    print(build(settings).text())
    return 0
