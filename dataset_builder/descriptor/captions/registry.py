"""The captioners by name: musicnn's tagger, a model behind a chat endpoint, MU-LLaMA, or a table made elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...llm.settings import ChatSettings
from .captioner import Captioner
from .musicnn_captioner import CachedMusicnnCaptioner
from .table_captioner import TableCaptioner


@dataclass(frozen=True)
class CaptionSettings:
    """Which captioner is used, and how it is reached.

    Attributes:
        name: in `CAPTIONERS`, or none.
        windows: how many windows of an item are captioned, each as long as the captioner listens at once.
        url: chat: of an OpenAI-compatible server with an audio language model, such as vLLM's.
        model: chat: as the server names it; mu-llama: which checkpoint its process loads.
        command: mu-llama: what starts its process, see `mu_llama.py`.
        table: table: a JSONL file of `{"item": ID, "caption": TEXT}`.
    """

    name: str = "musicnn"
    windows: int = 3
    url: str | None = None
    model: str | None = None
    command: str | None = None
    table: Path | None = None


def _table(settings: CaptionSettings) -> Captioner:
    if settings.table is None:
        raise UserError("captions from a table need its file: --caption-table FILE")
    return TableCaptioner(settings.table)


def _chat(settings: CaptionSettings) -> Captioner:
    if not settings.url or not settings.model:
        raise UserError("captions by a chat endpoint need --caption-url and --caption-model, see vLLM's audio models")
    from .chat_captioner import ChatCaptioner  # openai takes a second to import

    return ChatCaptioner(audio_llm_settings(settings))


def _mu_llama(settings: CaptionSettings) -> Captioner:
    from .mu_llama import MuLlamaCaptioner

    if not settings.command:
        raise UserError("captions by MU-LLaMA need --caption-command, what starts its process in its own environment")
    return MuLlamaCaptioner(settings.command, settings.model)


def audio_llm_settings(settings: CaptionSettings, **limits: Any) -> ChatSettings:
    """How an audio language model is reached.

    A variable of its own holds the key: nobody's OpenAI key is sent to another server. One's own server wants none.
    """
    return ChatSettings(
        model=settings.model or "", base_url=settings.url, timeout=limits.pop("timeout", 120.0),
        key_name="CAPTION_API_KEY", anonymous=True, options="--caption-", **limits,
    )  # fmt: skip


CAPTIONERS: dict[str, Callable[[CaptionSettings], Captioner]] = {
    "musicnn": lambda settings: CachedMusicnnCaptioner(),
    "chat": _chat,
    "mu-llama": _mu_llama,
    "table": _table,
}


# Whose captions are put in when all items are there: many requests at once, or lines that somebody may still change.
CAPTIONED_AFTER_ITEMS = frozenset({"chat", "table"})


def build_captioner(settings: CaptionSettings) -> Captioner | None:
    """The captioner; None for "none".

    Raises:
        UserError: for a name that is not known, or if it lacks something.
    """
    if settings.name == "none":
        return None
    if settings.name not in CAPTIONERS:
        raise UserError(f"unknown captioner {settings.name!r}, known: {', '.join(CAPTIONERS)}, none")
    return CAPTIONERS[settings.name](settings)
