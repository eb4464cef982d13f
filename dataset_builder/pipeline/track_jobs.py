"""What a worker process does about one track: take up what an earlier run left of it, or make its result.

It hands back what the build needs next: the result, if captions or descriptions are yet to be put into its items;
otherwise the track is finished, and a summary of it will do.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ..audio.track_audio import TrackAudio
from ..audit import exclusions as why
from ..audit.defects import USE, policies, skipped, stop_at
from ..audit.exclusions import LeftOut
from ..audit.track_audit import audit_track, look_at_track
from ..dataset.finalize import TrackSummary, finish_track, remove_result
from ..dataset.freshness import Comparison, compare
from ..descriptor.music_descriptor import MusicDescriptor
from ..errors import UserError
from ..items.item_builder import ItemBuilder
from ..items.track_results import TrackResult, find_result, write_result
from ..sources.registry import READERS
from ..sources.track import Track
from .settings import BuildSettings
from .track_list import source_of

# Bytes of decoded audio that a worker keeps for the captions of a track; one of Slakh2100 takes half as many.
MOST_AUDIO = 512 << 20

Handed = TrackResult | TrackSummary


def take_up(settings: BuildSettings, track_id: str, sources: Comparison) -> Handed | None:
    """What an earlier run left of a track, if it is whole, of these sources, and nothing may have been mended since."""
    result = None if sources.changes else find_result(settings.out, track_id)
    if result is None or result.mendable(but=why.NO_CAPTION if settings.captioned_after_items else None):
        return None
    sources.keep(settings.out, track_id)
    return _handed(settings, track_id, result)


def has_result(out: Path, track_id: str) -> bool:
    """Whether a track's result is there and whole."""
    return find_result(out, track_id) is not None


def make_track(settings: BuildSettings, source_root: Path, split: str, folder: Path) -> Handed:
    """Make a track's result and write it, after the record of what it is made of: no result is without its own."""
    chosen = policies(settings.policy, audited=settings.audit)
    # Before anything is read: what changes while it is read, the next build notices.
    sources = compare(settings.out, source_of(settings, source_root, split, folder))
    result = _result_of(settings, source_root, split, folder, chosen)
    stop_at(result.left_out, chosen)
    if sources.changes or not sources.recorded:
        remove_result(settings.out, folder.name, result.items)
    sources.keep(settings.out, folder.name)
    write_result(settings.out, folder.name, result)
    return _handed(settings, folder.name, result)


def _handed(settings: BuildSettings, track_id: str, result: TrackResult) -> Handed:
    if settings.texts_after_items:
        return result
    return finish_track(settings.out, track_id, result, settings.instrument_words)


def _result_of(
    settings: BuildSettings, source_root: Path, split: str, folder: Path, chosen: Mapping[str, str]
) -> TrackResult:
    """A track's items, captioned and described as far as this machine does that."""
    look = audit_track if settings.audit else partial(look_at_track, chosen=chosen)
    skip = skipped(look(settings.source, folder, split), chosen)
    descriptor = MusicDescriptor.load(settings.worker_captions(), settings.worker_descriptions())
    try:
        track = READERS[settings.source].read_track(folder, split)
    except UserError as error:
        detail = str(error).replace(f"{source_root}/", "")
        return TrackResult([], [LeftOut(folder.name, "track", "", why.BROKEN_METADATA, detail)])
    audio = TrackAudio(MOST_AUDIO if descriptor.captioner is not None else 0)
    builder = ItemBuilder(
        track, source_root, audio, settings.submixes, settings.key_backend, settings.grouping, skip,
        follow_links=chosen["link-out"] == USE,
    )  # fmt: skip
    return _described(track, builder, descriptor, audio)


def _described(track: Track, builder: ItemBuilder, descriptor: MusicDescriptor, audio: TrackAudio) -> TrackResult:
    described = [descriptor.describe(item, builder.source_root, audio.read_sum) for item in builder.items()]
    without = [LeftOut(track.id, "caption", item.id, why.NO_CAPTION, reason) for item, reason in described if reason]
    return TrackResult([item for item, _ in described], [*builder.left_out, *without])
