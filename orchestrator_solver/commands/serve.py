"""`orchestrator serve`: a web page and an HTTP API, on which people play their tunes without installing anything.

Drop or record a tune, choose instruments, listen. One generation runs at a time, others wait. There is no password:
whoever reaches host and port may play; 127.0.0.1 is reached from this machine alone. Nothing is fetched from elsewhere
or sent there.
"""

import argparse
import os
from importlib.util import find_spec

from dataset_builder.errors import UserError

from ..generation.sampling import number_between
from ..runtime.placement import add_placement_options

_QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}  # read when Gradio is imported


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("serve", help="a web page and an HTTP API that play tunes", description=__doc__)
    parser.add_argument(
        "--host", default="127.0.0.1", help="0.0.0.0 is every network of this machine (default: 127.0.0.1)"
    )
    parser.add_argument(
        "--port", type=number_between(int, 0, 65535), default=7860, help="0 takes a free one (default: 7860)"
    )
    parser.add_argument(
        "--model", default="nano", help="a shipped model, an exported folder, a run, or one at the hub (default: nano)"
    )
    _add_limits(parser)
    add_placement_options(parser)


def _add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-seconds", type=number_between(float, 2, 600, " seconds"), default=60.0, metavar="S",
        help="of a tune, and of a take (default: 60)",
    )  # fmt: skip
    parser.add_argument(
        "--max-size", type=number_between(float, 0.1, 1000, " MB"), default=20.0, metavar="MB",
        help="of a tune's file (default: 20)",
    )  # fmt: skip
    parser.add_argument(
        "--max-queue", type=number_between(int, 1, 1000), default=16, metavar="N",
        help="requests that may wait (default: 16)",
    )  # fmt: skip
    parser.add_argument(
        "--timeout", type=number_between(float, 1, 86_400, " seconds"), default=600.0, metavar="S",
        help="that the takes of one request may need (default: 600)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Serve until stopped; returns the exit code."""
    if find_spec("gradio") is None:
        raise UserError('serve needs gradio, which is not installed: uv pip install -e ".[serve]"')
    os.environ.update(_QUIET)

    from ..generation.orchestrator import Orchestrator
    from ..serving.server import application, serve
    from ..serving.wish import Limits
    from ..weights.package import folder_of

    player = Orchestrator.from_pretrained(args.model, args.device, args.precision)
    if folder := folder_of(args.model):
        player.model.name = folder.name  # a path of this machine would be in the records that users get
    limits = Limits(args.max_seconds, args.max_size, args.max_queue, args.timeout)
    serve(application(player, limits), args.host, args.port)
    return 0
