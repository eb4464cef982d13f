"""From tracks to a data set, in stages.

Items, by worker processes, a track each: stems, activity, tempo, key, captions; kept in `ROOT/tracks/ID.json`. Then
captions by a model elsewhere, and descriptions by a language model, if these are to write them, many at once. Then the
finish: sidecars, manifests, report.
What is made at the end depends on the tracks' results alone, and so is the same whatever the workers, shards or
interruptions. Tracks whose sources have changed since are made again, and what was made of tracks that are gone is
removed. Tracks of which something could not be read are read again by the next run: somebody may have mended them.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..audit import exclusions as why
from ..audit.exclusions import LeftOut
from ..dataset import manifest
from ..dataset.finalize import TrackSummary, finish, finish_track
from ..dataset.report import Report
from ..descriptor.captions.registry import CaptionSettings, build_captioner
from ..descriptor.describers import DESCRIBERS
from ..descriptor.music_descriptor import build_from
from ..errors import UserError
from ..items.track_results import TrackResult, TrackResults
from ..llm.settings import ChatSettings
from ..runtime import atomic, locks
from ..runtime.process_pool import parallel_map
from ..runtime.shards import Shard
from ..sources.registry import empty_splits
from .caption_stage import caption_tracks
from .outdated import (
    Outdated,
    compare_tracks,
    outdated,
    outdated_in,
    refuse_if_many_are_gone,
    refuse_if_outdated,
    remove_gone,
)
from .ownership import claim, refuse_if_lacking
from .settings import BuildSettings, recorded
from .track_jobs import Handed, has_result, make_track, take_up
from .track_list import TrackList, list_tracks, render

FOLDERS = (".sources", "tracks", "items", "egs", "slakh")  # in which a build writes; others may be at work beside them


def build(settings: BuildSettings, chat: ChatSettings | None = None, audio_llm: ChatSettings | None = None) -> Report:
    """Make the data set, or finish it.

    Args:
        settings: what is made.
        chat: how the language model is reached that is to write the descriptions.
        audio_llm: how the audio language model is reached that is to write the captions.

    Raises:
        UserError: for an unknown back end, a folder that holds another data set or is worked on by another process, a
            source without tracks, or a full disk.
    """
    source = prepare(settings)
    with locks.alone(settings.out):
        claim(settings, source)
        refuse_if_many_are_gone(settings, source)
        atomic.remove_leftovers(settings.out, *FOLDERS)
        handed = _items_stage(settings, source, source.tracks)
        remove_gone(settings.out, source)
        known = {name: result for name, result in handed.items() if isinstance(result, TrackResult)}
        finished = {name: summary for name, summary in handed.items() if isinstance(summary, TrackSummary)}
        results = TrackResults(settings.out, known)
        _text_stages(settings, source, results, chat, audio_llm)
        return _finish_stage(settings, source, results, finished)


def build_shard(settings: BuildSettings, shard: Shard) -> int:
    """Make the results of one shard's tracks; `merge` makes the data set of them all. Returns how many it has.

    Raises:
        UserError: for an unknown back end, a folder that holds another data set, one that another process works on as a
            whole or on the same shard, a source without tracks, or a full disk.
    """
    source = prepare(settings)
    with locks.sharing(settings.out, shard.name):
        claim(settings, source)
        mine = shard.of(source.tracks)
        _items_stage(settings, source, mine)
    return len(mine)


def merge(
    out: Path, workers: int = 2, chat: ChatSettings | None = None, captions: CaptionSettings | None = None,
    audio_llm: ChatSettings | None = None, *, lose_gone: bool = False,
) -> Report:  # fmt: skip
    """Make a data set of its shards' results: the same bytes as a build without shards.

    Args:
        out: the data set's folder.
        workers: processes.
        chat: how the language model is reached that is to write the descriptions.
        captions: where captions that follow the items come from; by whom they are is recorded in the data set.
        audio_llm: how the audio language model is reached that is to write the captions.
        lose_gone: remove what was made of tracks that the source no longer has, however many they are.

    Raises:
        UserError: if results are missing, or their sources have changed since; it names shards, or a track.
    """
    settings = replace(recorded(out, workers), remove_gone=lose_gone)
    if captions is not None:
        settings = replace(settings, caption_url=captions.url, caption_table=captions.table)
    source = list_tracks(settings)
    with locks.alone(out):
        refuse_if_lacking(out, source)
        refuse_if_many_are_gone(settings, source)
        _tell(refuse_if_outdated(settings, source))
        atomic.remove_leftovers(out, *FOLDERS)
        remove_gone(out, source)
        results = TrackResults(out)
        _text_stages(settings, source, results, chat, audio_llm)
        return _finish_stage(settings, source, results)


def make_again(out: Path, workers: int = 2) -> Report:
    """Make the files at the end of a data set again, and the results of tracks that are missing, torn or out of date.

    Raises:
        UserError: if the folder holds no data set or another process works on it, if the source is not there, or if
            models elsewhere would have to be asked, which only a build may do.
    """
    settings = recorded(out, workers)
    source = list_tracks(settings)
    refuse_if_many_are_gone(settings, source)
    jobs = [(out, folder.name) for _, folder in source.tracks]
    changes = outdated_in(settings, source)
    if changes.changed or not all(parallel_map(has_result, jobs, workers, "results")):
        if settings.texts_after_items or settings.captions == "mu-llama":
            options = f"--captions {settings.captions} --descriptions {settings.descriptions}"
            raise UserError(
                f"{out} lacks results of tracks, or their sources have changed, and other models write their texts: "
                f"build it again ({options})"
            )
        return build(settings)
    with locks.alone(out):
        atomic.remove_leftovers(out, *FOLDERS)
        _tell(changes)
        remove_gone(out, source)
        return _finish_stage(settings, source, TrackResults(out))


def prepare(settings: BuildSettings) -> TrackList:
    """List the tracks; what is unknown, mistaken or lacking is told before anything is written.

    Raises:
        UserError: for an unknown back end or one that lacks something, or a source without tracks.
    """
    source = list_tracks(settings)
    build_captioner(settings.caption_settings())
    build_from("describer", DESCRIBERS, settings.descriptions)
    return source


def describe(
    out: Path, chat: ChatSettings, workers: int,
    write: Callable[[TrackResults, Sequence[str], Callable[[], None]], tuple[int, int] | None],
) -> Report | None:  # fmt: skip
    """Give the items of a data set other descriptions.

    Args:
        out: the data set's folder.
        chat: of whom; its model becomes the data set's.
        workers: processes.
        write: from the results of the tracks and their names; writes into the results and returns anything but None if
            it did. What it is given third is to be called before: the set is then known as one of that model's, so that
            no other build goes on with it if it is killed in between.

    Returns:
        The report; None if nothing was written.

    Raises:
        UserError: if there is no data set, another process works on it, or `write` raises it.
    """
    settings = replace(recorded(out, workers), descriptions="chat", chat_model=chat.model)
    source, results = list_tracks(settings), TrackResults(out)
    with locks.alone(out):
        origin = manifest.Origin(source.recorded, settings.fingerprint())
        if write(results, source.names, partial(manifest.write_origin, out, origin)) is None:
            return None
        return _finish_stage(settings, source, results)


def _items_stage(settings: BuildSettings, source: TrackList, tracks: Sequence[tuple[str, Path]]) -> dict[str, Handed]:
    """Make the results of the tracks that are not done; returns what the workers hand back of all."""
    render(settings, {folder.name for _, folder in tracks})
    compared = compare_tracks(settings, source, tracks, to_keep=True)
    if compared:
        _tell(outdated(settings, source, tracks, compared))
    begun = [(settings, *pair) for pair in compared.items()]
    found = parallel_map(take_up, begun, settings.workers, "found")
    done = {name: handed for name, handed in zip(compared, found, strict=True) if handed is not None}
    jobs = [(settings, source.root, *track) for track in tracks if track[1].name not in done]
    made = parallel_map(make_track, jobs, settings.workers, "items")
    return {**done, **{folder.name: handed for (*_, folder), handed in zip(jobs, made, strict=True)}}


def _tell(changes: Outdated) -> None:
    """Say what has changed since the last build, and what is done about it."""
    for line in changes.lines():
        print(line, flush=True)
    if changes:
        print(f"sources: {changes.counts()}: these are made again, made and removed", flush=True)


def _text_stages(
    settings: BuildSettings, source: TrackList, results: TrackResults, chat: ChatSettings | None,
    audio_llm: ChatSettings | None,
) -> None:  # fmt: skip
    """Put captions and descriptions that follow the items into the results, as far as these settings want that."""
    stopped = ""
    if settings.captioned_after_items:
        stopped = caption_tracks(settings, source, results, audio_llm)
    if settings.described_after_items:
        from .description_stage import describe_tracks, describe_without_asking  # openai takes a second to import

        chat = replace(chat or ChatSettings(), model=settings.chat_model)
        if stopped:  # asked without its caption, an item would be asked about, and paid for, once more when it has one
            described = describe_without_asking(results, source.names, chat, f"captions come first, and {stopped}")
        else:
            described = describe_tracks(results, source.names, chat)
        print(described.text(), flush=True)


def _finish_stage(
    settings: BuildSettings, source: TrackList, results: TrackResults,
    finished: Mapping[str, TrackSummary] | None = None,
) -> Report:  # fmt: skip
    """Write the sidecars of the tracks that are not finished, then what is made of all tracks."""
    summaries = dict(finished or {})
    rest = [name for name in source.names if name not in summaries]
    jobs = [(results.out, name, results.known(name), settings.instrument_words) for name in rest]
    summaries |= zip(rest, parallel_map(finish_track, jobs, settings.workers, "sidecars"), strict=True)
    omitted = [LeftOut(name, "track", "", why.OMITTED) for name in source.omitted]
    report = finish(results.out, [summaries[name] for name in source.names], omitted)
    locks.forget_shards(results.out)
    if lacking := empty_splits(source.reader, report.tracks):
        print(f"warning: {lacking}", file=sys.stderr, flush=True)
    return report
