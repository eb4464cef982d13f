"""What a data set is made from, and how; and which part of it a process makes."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..audit.defects import policies
from ..dataset import manifest
from ..descriptor.captions.registry import CAPTIONED_AFTER_ITEMS, CaptionSettings
from ..descriptor.describers import DESCRIBED_AFTER_ITEMS
from ..errors import UserError
from ..items.grouping import GROUPINGS
from ..music.instrument_words import naming
from ..music.key import KEY_BACKENDS
from ..nano.corpus import NanoSettings
from ..sources.registry import READERS

# Where it lies and who works on it do not decide the result.
_PLACE = ("out", "root", "workers", "remove_gone", "caption_url", "caption_command", "caption_table")


@dataclass(frozen=True)
class BuildSettings:
    """What a data set is made from, and how.

    Attributes:
        source: a name in `READERS`.
        out: the data set's folder.
        root: the source's folder; for nano it is made inside of `out`.
        omit: leave out the tracks of the original Slakh2100 that redux omits.
        audit: look for defects in every file, not only those that are known or met on the way.
        policy: what is done about kinds of defects, such as `clipped=skip`, beside the defaults of `KINDS`.
        submixes: submixes of each size.
        grouping: what one instrument is, a name in `GROUPINGS`.
        captions: a captioner's name, or none.
        caption_windows: windows of an item that are captioned.
        caption_url: chat: of the server whose audio language model writes captions.
        caption_model: chat: as the server names it; mu-llama: which checkpoint its process loads.
        caption_command: mu-llama: what starts its process.
        caption_table: table: a JSONL file of `{"item": ID, "caption": TEXT}`.
        descriptions: a describer's name, or none.
        chat_model: the language model of the describer `chat`.
        key_backend: fast | music21.
        instrument_words: what the sidecars' prompts, for stock audiocraft, call instruments, a name in `NAMINGS`.
        workers: processes.
        remove_gone: remove what was made of tracks that the source no longer has, however many they are.
        nano: what to render for the source nano.
    """

    source: str
    out: Path
    root: Path | None = None
    omit: bool = False
    audit: bool = False
    policy: tuple[str, ...] = ()
    submixes: int = 3
    grouping: str = "stem"
    captions: str = "musicnn"
    caption_windows: int = 3
    caption_url: str | None = None
    caption_model: str | None = None
    caption_command: str | None = None
    caption_table: Path | None = None
    descriptions: str = "template"
    chat_model: str = "gpt-4o"
    key_backend: str = "fast"
    instrument_words: str = "classes"
    workers: int = 2
    remove_gone: bool = False
    nano: NanoSettings = field(default_factory=NanoSettings)

    def __post_init__(self) -> None:
        """Raises UserError if a value makes no data set."""
        policies(self.policy, audited=self.audit)
        naming(self.instrument_words)
        for name, known in (("source", READERS), ("key_backend", KEY_BACKENDS), ("grouping", GROUPINGS)):
            if getattr(self, name) not in known:
                raise UserError(f"unknown {name} {getattr(self, name)!r}, known: {', '.join(known)}")
        for name, least in (("submixes", 0), ("caption_windows", 1), ("workers", 1)):
            if getattr(self, name) < least:
                raise UserError(f"{name} is {getattr(self, name)}: expected at least {least}")

    def caption_settings(self) -> CaptionSettings:
        """Who captions."""
        return CaptionSettings(
            self.captions, self.caption_windows, self.caption_url, self.caption_model, self.caption_command,
            self.caption_table,
        )  # fmt: skip

    @property
    def captioned_after_items(self) -> bool:
        """Whether captions are put in when all items are there, not by the workers."""
        return self.captions in CAPTIONED_AFTER_ITEMS

    @property
    def described_after_items(self) -> bool:
        """Whether descriptions are put in when all items are there, not by the workers."""
        return self.descriptions in DESCRIBED_AFTER_ITEMS

    @property
    def texts_after_items(self) -> bool:
        """Whether anything is put into the items when they are all there."""
        return self.captioned_after_items or self.described_after_items

    def worker_captions(self) -> CaptionSettings:
        """Who captions while items are made."""
        return CaptionSettings("none") if self.captioned_after_items else self.caption_settings()

    def worker_descriptions(self) -> str:
        """Who describes while items are made, or are given their captions."""
        return "none" if self.described_after_items else self.descriptions

    def fingerprint(self) -> dict[str, Any]:
        """What decides the result, as plain values for JSON."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        unimportant = {*_PLACE} | ({"nano"} if self.source != "nano" else set())
        unimportant |= {"chat_model"} if self.descriptions != "chat" else set()
        unimportant |= {"instrument_words"} if self.instrument_words == "classes" else set()  # as in sets of before
        return {key: value for key, value in values.items() if key not in unimportant and value is not None}


def recorded(out: Path, workers: int) -> BuildSettings:
    """The settings that a data set was begun with, from its `dataset.json`.

    Raises:
        UserError: if there is none, or it is another version's.
    """
    origin = manifest.read_origin(out)
    if foreign := [name for name in _PLACE if name in origin.settings]:
        raise UserError(f"{out / manifest.ORIGIN} names {foreign[0]}, which no build records: take it out")
    values = {**origin.settings, "out": out, "workers": workers}
    try:
        values["policy"] = tuple(values.get("policy", ()))
        if nano := values.get("nano"):
            values["nano"] = NanoSettings(**nano)
        else:
            values["root"] = out / origin.source_root
        return BuildSettings(**values)
    except TypeError as error:
        raise UserError(f"{out} was begun by another version ({error}): build it again into another folder") from error
