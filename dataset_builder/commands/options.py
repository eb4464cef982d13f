"""Options of how a language model is reached, and what it may cost."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..descriptor.captions.registry import CaptionSettings, audio_llm_settings
from ..llm.settings import ChatSettings


def add_chat_options(group: argparse._ArgumentGroup) -> None:
    """Add them to a command's parser."""
    defaults = ChatSettings()
    group.add_argument("--model", default=defaults.model, help="of an OpenAI-compatible server (default: gpt-4o)")
    group.add_argument("--url", help="of the server (default: OPENAI_BASE_URL, or OpenAI's)")
    group.add_argument(
        "--send-openai-key", action="store_true", help="send OPENAI_API_KEY to --url (default: CHAT_API_KEY, if set)"
    )
    group.add_argument("--concurrency", type=int, default=defaults.concurrency, help="requests in flight (default: 8)")
    group.add_argument("--rpm", type=float, metavar="N", help="requests a minute, at most (default: no limit)")
    group.add_argument("--tpm", type=float, metavar="N", help="tokens a minute, at most (default: no limit)")
    group.add_argument("--budget", type=float, metavar="DOLLARS", help="stop before more could be spent")
    group.add_argument("--price", metavar="IN,OUT", help="dollars for a million tokens, for a model not known here")
    group.add_argument("--timeout", type=float, default=defaults.timeout, help="seconds for a request (default: 60)")


def chat_settings(args: argparse.Namespace) -> ChatSettings:
    """The settings that the options make.

    Raises:
        UserError: for numbers that make no sense.
    """
    return ChatSettings(
        model=args.model, base_url=args.url, concurrency=args.concurrency, requests_per_minute=args.rpm,
        tokens_per_minute=args.tpm, budget=args.budget, price=args.price, timeout=args.timeout,
        send_openai_key=args.send_openai_key,
    )  # fmt: skip


def add_caption_options(group: argparse._ArgumentGroup) -> None:
    """Add those of where captions come from that are made elsewhere."""
    group.add_argument(
        "--caption-url", help="chat: an OpenAI-compatible server with an audio language model, such as vLLM's"
    )
    group.add_argument("--caption-table", type=Path, help='table: JSONL, {"item": ID, "caption": TEXT} a line')
    group.add_argument("--caption-concurrency", type=int, default=8, help="chat: requests in flight (default: 8)")
    group.add_argument("--caption-rpm", type=float, metavar="N", help="chat: requests a minute, at most")
    group.add_argument("--caption-tpm", type=float, metavar="N", help="chat: tokens a minute, at most")
    group.add_argument("--caption-budget", type=float, metavar="DOLLARS", help="chat: what may be spent")
    group.add_argument("--caption-price", metavar="IN,OUT", help="chat: dollars for a million tokens (audio in)")
    group.add_argument("--caption-timeout", type=float, default=120.0, help="chat: seconds for one (default: 120)")


def audio_llm(args: argparse.Namespace, settings: CaptionSettings) -> ChatSettings:
    """How the audio language model is reached, by these options.

    Raises:
        UserError: for numbers that make no sense.
    """
    return audio_llm_settings(
        settings, concurrency=args.caption_concurrency, requests_per_minute=args.caption_rpm,
        tokens_per_minute=args.caption_tpm, budget=args.caption_budget, price=args.caption_price,
        timeout=args.caption_timeout,
    )  # fmt: skip


if TYPE_CHECKING:
    from ..pipeline.cluster_jobs import Launch

LAUNCHERS = ("slurm", "local")


def add_launch_options(group: argparse._ArgumentGroup) -> None:
    """Add them."""
    group.add_argument("--launcher", choices=LAUNCHERS, help="make the shards by jobs, wait for them, and merge")
    group.add_argument("--shards", type=int, default=8, help="launcher: how many jobs (default: 8)")
    group.add_argument("--partition", help="launcher: Slurm's partition")
    group.add_argument("--account", help="launcher: Slurm's account")
    group.add_argument("--minutes", type=int, default=240, help="launcher: a job's time limit (default: 240)")
    group.add_argument("--memory", type=int, default=8, metavar="GB", help="launcher: of a job (default: 8)")


def launch_of(args: argparse.Namespace) -> "Launch":
    """How the jobs are run. With it comes submitit, which takes a while to import."""
    from ..pipeline.cluster_jobs import Launch

    return Launch(args.launcher, args.shards, args.partition, args.account, args.minutes, args.memory)
