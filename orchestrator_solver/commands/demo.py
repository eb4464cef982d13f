"""`orchestrator demo`: something to hear, then corpus, fine-tuning and Table 1, in one go, on a laptop's CPU.

A page opens as soon as there is something to hear, and grows. Stop it anywhere and run it again: it goes on.
"""

import argparse
import os
import sys
import time
import webbrowser
from pathlib import Path

from ..runtime.placement import PRECISIONS, add_placement_options


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser(
        "demo", help="corpus, fine-tuning, Table 1 and a listening page, in one go", description=__doc__
    )
    parser.add_argument("--out", type=Path, default=Path("outputs/demo"), help="default: outputs/demo")
    parser.add_argument("--works", type=int, default=16, help="of the embedded corpus (default: 16)")
    parser.add_argument("--epochs", type=int, default=6, help="of fine-tuning (default: 6)")
    parser.add_argument("--updates", type=int, default=50, help="an epoch (default: 50)")
    parser.add_argument("--excerpts", type=int, default=32, help="scored for the table (default: 32)")
    parser.add_argument("--shown", type=int, default=4, help="excerpts on the page (default: 4)")
    parser.add_argument("--workers", type=int, default=2, help="processes, and threads of torch (default: 2)")
    parser.add_argument("--no-open", dest="open", action="store_false", help="do not open the page in a browser")
    add_placement_options(parser, "of all stages (default: auto, playing in float16 on a GPU of CUDA, else in float32; "
                          "a store in float32; training as configured, in bfloat16)", PRECISIONS)  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Run the demo; returns the exit code."""
    out = args.out.resolve()
    from ..generation.recordings import check_writable
    from ..paths import PROJECT
    from ..workflows.demo import DemoSettings, run_demo

    check_writable(out)
    os.chdir(PROJECT)  # dora looks for the package to run in the working directory
    sizes = (args.works, args.epochs, args.updates, args.excerpts, args.shown)
    settings = DemoSettings(out, *sizes, workers=args.workers, device=args.device, precision=args.precision)
    begin = time.monotonic()
    result = run_demo(settings, lambda page: _show(page, args.open, time.monotonic() - begin))
    print(result.table)
    print(f"\n{result.seconds / 60:.1f} minutes. Listen: {result.page}")
    return 0


def _show(page: Path, to_open: bool, seconds: float) -> None:
    """Name the page, and open it where there is somebody to see it: not in a pipe, nor in a browser for terminals."""
    print(f"Listen already, after {seconds:.0f} s: {page} (it grows; load it again when all is done)", flush=True)
    graphical = sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if to_open and graphical and sys.stdout.isatty():
        webbrowser.open(page.as_uri())
