"""Captions that are put into the items when these are all there: from a model that hears, or from a table.

musicnn and MU-LLaMA caption while items are made, in each worker, since they compute on this machine. A chat endpoint
wants many requests at once, within limits of its own, and whoever edits a table wants every line of it looked at again.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from ..audit import exclusions as why
from ..audit.exclusions import LeftOut
from ..descriptor.captions.captioner import Caption, CaptionError
from ..descriptor.captions.registry import CaptionSettings, audio_llm_settings, build_captioner
from ..descriptor.captions.table_captioner import TableCaptioner
from ..descriptor.describers import DESCRIBED_AFTER_ITEMS
from ..descriptor.music_descriptor import MusicDescriptor, windows_of
from ..items.item import Item
from ..items.track_results import TrackResult, read_result, write_result
from ..llm.settings import ChatSettings
from .settings import BuildSettings

WHAT = "caption"
Heard = list[Caption] | str  # the captions of an item's windows, or why there are none


@dataclass
class _Track:
    """A track whose items are being heard, many tracks at once."""

    name: str
    result: TrackResult
    waiting: int
    heard: dict[str, Heard] = field(default_factory=dict)


def caption_tracks(
    settings: BuildSettings, source_root: Path, track_ids: Sequence[str], audio_llm: ChatSettings | None
) -> str:
    """Put captions, and the descriptions by a template that follow from them, into the tracks' results.

    Returns why it ended before all were asked for, if it did.

    Args:
        settings: whose captioner is one of `CAPTIONED_AFTER_ITEMS`.
        source_root: the items' paths are relative to it.
        track_ids: tracks whose results are there.
        ears: how the model that hears is reached; by default as the settings say, without limits.

    Raises:
        UserError: if nobody says where they come from, or every other request would fail likewise; what was heard
            before is kept.
    """
    captioner = build_captioner(settings.caption_settings())
    describer = "none" if settings.descriptions in DESCRIBED_AFTER_ITEMS else settings.descriptions
    words = MusicDescriptor.load(CaptionSettings("none"), describer)
    if isinstance(captioner, TableCaptioner):
        _from_table(settings.out, captioner, track_ids, words)
        return ""
    hearing = _CaptionRun(settings, source_root, audio_llm or audio_llm_settings(settings.caption_settings()), words)
    hearing.run(track_ids)
    return hearing.stopped


def _from_table(out: Path, table: TableCaptioner, track_ids: Sequence[str], words: MusicDescriptor) -> None:
    for name in tqdm(track_ids, "captions", unit="track"):
        result = read_result(out, name)
        _write(out, name, result, {item.id: _looked_up(table, item) for item in result.items}, words)


def _looked_up(table: TableCaptioner, item: Item) -> Heard:
    try:
        return table.of_item(item.id)
    except CaptionError as error:
        return str(error)


def _write(out: Path, name: str, result: TrackResult, heard: Mapping[str, Heard], words: MusicDescriptor) -> None:
    """Write a track's result with what was heard of some of its items, if that changes it."""
    items, left_out = [], [line for line in result.left_out if line.what != WHAT]
    for item in result.items:
        found = heard.get(item.id)
        if isinstance(found, list):
            new = words.worded(item, found)
            items.append(item if (new.caption, new.tags) == (item.caption, item.tags) else new)
            continue
        items.append(item if found is None else words.worded(item, []))
        if found is not None:
            left_out.append(LeftOut(name, WHAT, item.id, why.NO_CAPTION, found))
    changed = TrackResult(items, left_out)
    if changed != result:
        write_result(out, name, changed)


class _CaptionRun:
    """One run of the stage by a model that hears."""

    def __init__(self, settings: BuildSettings, source_root: Path, audio_llm: ChatSettings, words: MusicDescriptor):
        from ..dataset.costs import Ledger
        from ..descriptor.captions.chat_captioner import ChatCaptioner  # openai takes a second to import
        from ..llm.client import ChatClient, Spending

        self.settings, self.source_root, self.audio_llm, self.words = settings, source_root, audio_llm, words
        self.captioner, self.paid, self.stopped = ChatCaptioner(audio_llm), Spending(), ""
        self.client = ChatClient(audio_llm, self.paid, Ledger(settings.out, audio_llm.model))

    def run(self, track_ids: Sequence[str]) -> None:
        from ..llm.client import each

        async def hear_all(jobs: Iterable[tuple[_Track, Item]]) -> None:
            async with self.client.open():
                await each(jobs, self.audio_llm.concurrency, self._hear)

        with tqdm(total=len(track_ids), desc=f"captions by {self.audio_llm.model}", unit="track") as bar:
            asyncio.run(hear_all(self._jobs(track_ids, bar.update)))
        print(f"captions: {self.paid.cost.text()}{self.stopped and f'; stopped: {self.stopped}'}", flush=True)

    def _jobs(self, track_ids: Sequence[str], progress: Callable[[], object]) -> Iterator[tuple[_Track, Item]]:
        """The items without caption, a track's only when somebody is there to hear them."""
        for name in track_ids:
            result = read_result(self.settings.out, name)
            silent = [item for item in result.items if item.caption is None]
            track = _Track(name, result, len(silent))
            yield from ((track, item) for item in silent)
            progress()

    async def _hear(self, job: tuple[_Track, Item]) -> None:
        track, item = job
        track.heard[item.id] = await self._heard(item)
        track.waiting -= 1
        if not track.waiting:
            _write(self.settings.out, track.name, track.result, track.heard, self.words)

    async def _heard(self, item: Item) -> Heard:
        from ..llm.budget import BudgetReachedError

        captioner = self.captioner
        if self.stopped:  # the others are not even read
            return self.stopped
        wavs = await asyncio.to_thread(windows_of, item, self.source_root, captioner, self.settings.caption_windows)
        try:
            return [await captioner.request_caption(self.client, wav, captioner.sample_rate) for wav in wavs]
        except CaptionError as error:
            return str(error)
        except BudgetReachedError:
            self.stopped = f"the budget of ${self.audio_llm.budget:g} is reached"
            return self.stopped
