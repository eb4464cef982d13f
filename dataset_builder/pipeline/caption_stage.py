"""Captions that are put into the items when these are all there: from an audio language model, or from a table.

musicnn and MU-LLaMA caption while items are made, in each worker, since they compute on this machine. A chat endpoint
wants many requests at once, within limits of its own, and whoever edits a table wants every line of it looked at again.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from ..audit import exclusions as why
from ..audit.exclusions import LeftOut
from ..descriptor.captions.captioner import Caption, CaptionError
from ..descriptor.captions.registry import CaptionSettings, audio_llm_settings, build_captioner
from ..descriptor.captions.table_captioner import TableCaptioner
from ..descriptor.music_descriptor import MusicDescriptor, windows_of
from ..items.item import Item
from ..items.track_results import TrackResult, TrackResults
from ..llm.settings import ChatSettings
from .settings import BuildSettings
from .track_list import TrackList

WHAT = "caption"
ItemCaptions = list[Caption] | str  # the captions of an item's windows, or why there are none


@dataclass
class _PendingTrack:
    """A track of whose items captions are being asked for, many tracks at once."""

    name: str
    waiting: int
    captions: dict[str, ItemCaptions] = field(default_factory=dict)


def caption_tracks(
    settings: BuildSettings, source: TrackList, results: TrackResults, audio_llm: ChatSettings | None
) -> str:
    """Put captions, and the descriptions by a template that follow from them, into the tracks' results.

    Returns why it ended before all were asked for, if it did.

    Args:
        settings: whose captioner is one of `CAPTIONED_AFTER_ITEMS`.
        source: the tracks.
        results: of all the tracks.
        audio_llm: how the audio language model is reached; by default as the settings say, without limits.

    Raises:
        UserError: if it is not said where captions come from, or every other request would fail, too; the captions that
            came before are kept.
    """
    captioner = build_captioner(settings.caption_settings())
    descriptor = MusicDescriptor.load(CaptionSettings("none"), settings.worker_descriptions())
    if isinstance(captioner, TableCaptioner):
        for name in tqdm(source.names, "captions", unit="track"):
            captions = {item.id: _looked_up(captioner, item) for item in results[name].items}
            results.update(name, _captioned(name, results[name], captions, descriptor))
        return ""
    model = audio_llm or audio_llm_settings(settings.caption_settings())
    run = _CaptionRun(source.root, results, model, settings.caption_windows, descriptor)
    run.caption(source.names)
    return run.stopped


def _looked_up(table: TableCaptioner, item: Item) -> ItemCaptions:
    try:
        return table.of_item(item.id)
    except CaptionError as error:
        return str(error)


def _captioned(
    name: str, result: TrackResult, captions: Mapping[str, ItemCaptions], descriptor: MusicDescriptor
) -> TrackResult:
    """A track's result with the captions of some of its items; an item whose caption is the same stays as it is."""
    items, left_out = [], [line for line in result.left_out if line.what != WHAT]
    for item in result.items:
        found = captions.get(item.id)
        if isinstance(found, list):
            new = descriptor.with_texts(item, found)
            items.append(item if (new.caption, new.tags) == (item.caption, item.tags) else new)
            continue
        items.append(item if found is None else descriptor.with_texts(item, []))
        if found is not None:
            left_out.append(LeftOut(name, WHAT, item.id, why.NO_CAPTION, found))
    return TrackResult(items, left_out)


class _CaptionRun:
    """One run of the stage by an audio language model.

    Args:
        source_root: the items' paths are relative to it.
        results: of all the tracks.
        audio_llm: how the model is reached.
        windows: how many of an item are captioned.
        descriptor: describes the items by their captions.
    """

    def __init__(
        self, source_root: Path, results: TrackResults, audio_llm: ChatSettings, windows: int,
        descriptor: MusicDescriptor,
    ):  # fmt: skip
        from ..dataset.costs import Ledger
        from ..descriptor.captions.chat_captioner import ChatCaptioner  # openai takes a second to import
        from ..llm.client import ChatClient, Spending

        self.source_root, self.results, self.audio_llm = source_root, results, audio_llm
        self.windows, self.descriptor = windows, descriptor
        self.captioner, self.paid, self.stopped = ChatCaptioner(audio_llm), Spending(), ""
        self.client = ChatClient(audio_llm, self.paid, Ledger(results.out, audio_llm.model))

    def caption(self, track_ids: Iterable[str]) -> None:
        """Ask for the captions that are missing, and write each track's as soon as they are all there."""
        from ..llm.client import each

        async def caption_all(jobs: Iterable[tuple[_PendingTrack, Item]]) -> None:
            async with self.client.open():
                await each(jobs, self.audio_llm.concurrency, self._caption_item)

        names = list(track_ids)
        with tqdm(total=len(names), desc=f"captions by {self.audio_llm.model}", unit="track") as bar:
            asyncio.run(caption_all(self._jobs(names, bar.update)))
        print(f"captions: {self.paid.cost.text()}{self.stopped and f'; stopped: {self.stopped}'}", flush=True)

    def _jobs(self, track_ids: Iterable[str], progress: Callable[[], object]) -> Iterator[tuple[_PendingTrack, Item]]:
        """The items without caption, a track's only when there is room for another request."""
        for name in track_ids:
            without = [item for item in self.results[name].items if item.caption is None]
            track = _PendingTrack(name, len(without))
            yield from ((track, item) for item in without)
            progress()

    async def _caption_item(self, job: tuple[_PendingTrack, Item]) -> None:
        track, item = job
        track.captions[item.id] = await self._captions_of(item)
        track.waiting -= 1
        if not track.waiting:
            result = _captioned(track.name, self.results[track.name], track.captions, self.descriptor)
            self.results.update(track.name, result)

    async def _captions_of(self, item: Item) -> ItemCaptions:
        from ..llm.budget import BudgetReachedError

        captioner = self.captioner
        if self.stopped:  # the others are not even read
            return self.stopped
        wavs = await asyncio.to_thread(windows_of, item, self.source_root, captioner, self.windows)
        try:
            return [await captioner.request_caption(self.client, wav, captioner.sample_rate) for wav in wavs]
        except CaptionError as error:
            return str(error)
        except BudgetReachedError:
            self.stopped = f"the budget of ${self.audio_llm.budget:g} is reached"
            return self.stopped
