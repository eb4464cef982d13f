"""From tracks to a data set, in stages.

Items, by worker processes, a track each: stems, activity, tempo, key, captions; kept in `ROOT/tracks/ID.json`. Then
captions by a model elsewhere, and descriptions by a language model, if these are to write them, many at once. Then the
finish: sidecars, manifests, report.
What is made at the end depends on the tracks' results alone, and so is the same whatever the workers, shards or
interruptions. Tracks of which something could not be read are read again by the next run, since somebody may have
mended them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..audit import exclusions as why
from ..audit.defects import USE, policies, skipped, stop_at
from ..audit.exclusions import LeftOut
from ..audit.track_audit import audit_track, look_at_track
from ..dataset import manifest
from ..dataset.finalize import TrackSummary, finish, finish_track
from ..dataset.report import Report
from ..descriptor.captions.registry import CAPTIONED_AFTER_ITEMS, CaptionSettings, build_captioner
from ..descriptor.describers import DESCRIBED_AFTER_ITEMS, DESCRIBERS
from ..descriptor.music_descriptor import MusicDescriptor, build_from
from ..errors import UserError
from ..items.item_builder import ItemBuilder
from ..items.track_results import TrackResult, find_result, result_path, write_result
from ..llm.settings import ChatSettings
from ..runtime import atomic, locks
from ..runtime.process_pool import parallel_map
from ..runtime.shards import Shard
from ..sources.registry import READERS
from .ownership import claim, refuse_if_lacking
from .settings import BuildSettings, recorded
from .text_stages import text_stages
from .track_list import TrackList, list_tracks, render

__all__ = ["BuildSettings", "Shard", "build", "build_shard", "describe", "make_again", "merge", "prepare"]

FOLDERS = ("tracks", "items", "egs", "slakh")  # in which a build writes; others may be at work beside them


def build(settings: BuildSettings, chat: ChatSettings | None = None, audio_llm: ChatSettings | None = None) -> Report:
    """Make the data set, or finish it.

    Args:
        settings: what is made.
        chat: how a language model is reached that is to write the descriptions.
        ears: how one is reached that hears, for captions.

    Raises:
        UserError: for an unknown back end, a folder that holds another data set or is worked on by another process, a
            source without tracks, or a full disk.
    """
    source = prepare(settings)
    with locks.alone(settings.out):
        claim(settings, source)
        atomic.remove_leftovers(settings.out, *FOLDERS)
        made = _items_stage(settings, source, source.tracks)
        made = {} if text_stages(settings, source, chat, audio_llm) else made  # which lacked them
        return _finish_stage(settings, source, made)


def build_shard(settings: BuildSettings, shard: Shard) -> int:
    """Make the results of one shard's tracks; `merge` makes the data set of them all. Returns how many it has.

    Raises:
        UserError: as `build`.
    """
    source = prepare(settings)
    with locks.sharing(settings.out, shard.name):
        claim(settings, source)
        mine = shard.of(source.tracks)
        _items_stage(settings, source, mine)
    return len(mine)


def merge(
    out: Path, workers: int = 2, chat: ChatSettings | None = None, captions: CaptionSettings | None = None,
    audio_llm: ChatSettings | None = None,
) -> Report:  # fmt: skip
    """Make a data set of its shards' results: the same bytes as a build without shards.

    Args:
        out: the data set's folder.
        workers: processes.
        chat: as for `build`.
        captions: where late captions come from, as for `build`; who makes them is recorded.
        ears: as for `build`.

    Raises:
        UserError: if results are missing; it names the shards they belong to.
    """
    settings = recorded(out, workers)
    if captions is not None:
        settings = replace(settings, caption_url=captions.url, caption_table=captions.table)
    source = list_tracks(settings)
    with locks.alone(out):
        refuse_if_lacking(out, source)
        atomic.remove_leftovers(out, *FOLDERS)
        text_stages(settings, source, chat, audio_llm)
        return _finish_stage(settings, source, {})


def make_again(out: Path, workers: int = 2) -> Report:
    """Make the files at the end of a data set again, and the results of tracks that are missing or torn.

    Raises:
        UserError: as `build`; or if models elsewhere would have to be asked, which only a build may do.
    """
    settings = recorded(out, workers)
    source = list_tracks(settings)
    jobs = [(out, folder.name) for _, folder in source.tracks]
    if not all(parallel_map(_is_whole, jobs, workers, "results")):
        if (
            settings.captions in {*CAPTIONED_AFTER_ITEMS, "mu-llama"} or settings.descriptions in DESCRIBED_AFTER_ITEMS
        ):  # whose words are not here
            words = f"--captions {settings.captions} --descriptions {settings.descriptions}"
            raise UserError(f"{out} lacks results of tracks, and others word them: build it again ({words})")
        return build(settings)
    with locks.alone(out):
        atomic.remove_leftovers(out, *FOLDERS)
        return _finish_stage(settings, source, {})


def prepare(settings: BuildSettings) -> TrackList:
    """List the tracks; what is unknown, mistaken or lacking is told before anything is written.

    Raises:
        UserError: for an unknown back end or one that lacks something, or a source without tracks.
    """
    source = list_tracks(settings)
    build_captioner(settings.caption_settings())
    build_from("describer", DESCRIBERS, settings.descriptions)
    return source


def _items_stage(
    settings: BuildSettings, source: TrackList, tracks: Sequence[tuple[str, Path]]
) -> dict[str, TrackSummary]:
    """Make the results of the tracks that are not done; returns the summaries of all."""
    names = [folder.name for _, folder in tracks]
    render(settings, set(names))
    begun = [
        (settings.out, name, settings.captions in CAPTIONED_AFTER_ITEMS)
        for name in names
        if result_path(settings.out, name).is_file()
    ]
    found = parallel_map(_done_before, begun, settings.workers, "found")
    done = {name: summary for (_, name, _), summary in zip(begun, found, strict=True) if summary}
    jobs = [(settings, source.root, *track) for track in tracks if track[1].name not in done]
    made = parallel_map(_one_track, jobs, settings.workers, "items")
    return {**done, **{folder.name: summary for (_, _, _, folder), summary in zip(jobs, made, strict=True)}}


def _done_before(out: Path, track_id: str, late_captions: bool) -> TrackSummary | None:
    """A track whose result is there, whole, and holds nothing that may have been mended since; None otherwise."""
    result = find_result(out, track_id)
    if result is None or result.mendable(but=why.NO_CAPTION if late_captions else None):
        return None
    return finish_track(out, track_id, result)


def _is_whole(out: Path, track_id: str) -> bool:
    return find_result(out, track_id) is not None


def _one_track(settings: BuildSettings, source_root: Path, split: str, folder: Path) -> TrackSummary:
    """Make a track's result, and its sidecars while its items are at hand."""
    describer = "none" if settings.descriptions in DESCRIBED_AFTER_ITEMS else settings.descriptions
    chosen = policies(settings.policy, audited=settings.audit)
    look = audit_track if settings.audit else partial(look_at_track, chosen=chosen)
    skip = skipped(look(settings.source, folder, split), chosen)
    captions = CaptionSettings("none") if settings.captions in CAPTIONED_AFTER_ITEMS else settings.caption_settings()
    descriptor = MusicDescriptor.load(captions, describer)
    try:
        track = READERS[settings.source].read_track(folder, split)
    except UserError as error:
        detail = str(error).replace(f"{source_root}/", "")
        result = TrackResult([], [LeftOut(folder.name, "track", "", why.BROKEN_METADATA, detail)])
    else:
        reader = ItemBuilder(
            track, source_root, settings.submixes, settings.key_backend, settings.grouping, skip,
            follow_links=chosen["link-out"] == USE,
        )  # fmt: skip
        described = [descriptor.describe(item, source_root) for item in reader.items()]
        left_out = [
            LeftOut(track.id, "caption", item.id, why.NO_CAPTION, reason) for item, reason in described if reason
        ]
        result = TrackResult([item for item, _ in described], [*reader.left_out, *left_out])
    stop_at(result.left_out, chosen)
    write_result(settings.out, folder.name, result)
    return finish_track(settings.out, folder.name, result)


def describe(
    out: Path, chat: ChatSettings, workers: int,
    write: Callable[[Sequence[str], Callable[[], None]], tuple[int, int] | None],
) -> Report | None:  # fmt: skip
    """Give the items of a data set other descriptions.

    Args:
        out: the data set's folder.
        chat: of whom; its model becomes the data set's.
        workers: processes.
        write: from the names of the tracks; writes into their results and returns anything but None if it did. What
            it is given second is to be called before: the set is then known as one of that model's, so that no other
            build goes on with it if it is killed in between.

    Returns:
        The report; None if nothing was written.

    Raises:
        UserError: if there is no data set, another process works on it, or `write` raises it.
    """
    settings = replace(recorded(out, workers), descriptions="chat", chat_model=chat.model)
    source = list_tracks(settings)
    with locks.alone(out):
        origin = manifest.Origin(source.recorded, settings.fingerprint())
        if write([folder.name for _, folder in source.tracks], partial(manifest.write_origin, out, origin)) is None:
            return None
        return _finish_stage(settings, source, {})


def _finish_stage(settings: BuildSettings, source: TrackList, made: dict[str, TrackSummary]) -> Report:
    """Sidecars of the tracks that were done before, then what is made of all."""
    names = [folder.name for _, folder in source.tracks]
    older = [name for name in names if name not in made]
    summaries = parallel_map(finish_track, [(settings.out, name) for name in older], settings.workers, "sidecars")
    every = {**made, **dict(zip(older, summaries, strict=True))}
    omitted = [LeftOut(name, "track", "", why.OMITTED) for name in source.omitted]
    report = finish(settings.out, [every[name] for name in names], omitted)
    locks.forget_shards(settings.out)
    return report
