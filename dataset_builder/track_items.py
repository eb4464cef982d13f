"""The items of one track: its mix, every rendered stem, and submixes of 2, 3 and 4 instruments."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from . import audio, submixes
from .activity import frame_rms, spans_of
from .captions import CAPTIONERS, Caption, Captioner
from .descriptions import DESCRIBERS
from .errors import UserError
from .items import Item, Reference, Spans, StemPart, overlap, union
from .key import KEY_BACKENDS
from .melody import melody_score
from .seeds import rng_for, seed_of
from .sources.slakh import LICENCE, Stem, Track
from .tempo import read_midi, track_bpm

CAPTION_SECONDS = 10.0
LEAST_SOUNDING = 1.0  # seconds: a stem that sounds less is as good as silent


@dataclass(frozen=True)
class Tools:
    """What the items are described with; None is left out."""

    captioner: Captioner | None
    caption_windows: int
    describer: str | None
    key_backend: str

    @staticmethod
    @cache
    def load(captions: str, windows: int, descriptions: str, key_backend: str) -> "Tools":
        """The tools of these names, once a process.

        Raises:
            UserError: for a name that is not known.
        """
        for kind, name, known in (
            ("captioner", captions, CAPTIONERS), ("describer", descriptions, DESCRIBERS),
            ("key back end", key_backend, KEY_BACKENDS),
        ):  # fmt: skip
            if name not in known and name != "none":
                raise UserError(f"unknown {kind} {name!r}, known: {', '.join(known)}, none")
        captioner = None if captions == "none" else CAPTIONERS[captions]()
        return Tools(captioner, windows, None if descriptions == "none" else descriptions, key_backend)


@dataclass(frozen=True)
class TrackItems:
    """A track's items, and what of it was left out and why."""

    items: list[Item]
    left_out: list[dict[str, str]]


@dataclass(frozen=True)
class _Sound:
    """A stem that can be used, with its activity."""

    stem: Stem
    spans: Spans
    duration: float
    melody: float


def items_of_track(track: Track, source_root: Path, per_size: int, tools: Tools) -> TrackItems:
    """Make a track's items; what cannot be used is listed with its reason.

    Raises:
        UserError: if the track as a whole cannot be used (its mix is missing, say).
    """
    left_out: list[dict[str, str]] = []
    sounds = _sounds(track, left_out)
    mix = audio.info(track.mix)
    paths = [stem.midi for stem in track.stems if stem.midi]
    scores = [read_midi(path) for path in paths]
    bpm = track_bpm(read_midi(track.all_src)) if track.all_src.is_file() else None
    key = KEY_BACKENDS[tools.key_backend](paths, scores)
    parts = {sound.stem.id: _part(sound.stem, source_root) for sound in sounds}
    named = [sound for sound in sounds if sound.stem.instrument]
    left_out += [
        _left(track, sound.stem.id, "no instrument class") for sound in sounds if not sound.stem.instrument
    ]  # fmt: skip

    def item(name: str, kind: str, members: Sequence[_Sound], file: Path | None) -> Item:
        stems = tuple(parts[sound.stem.id] for sound in members)
        item_id = f"{track.id}-{name}"
        return Item(
            id=item_id, kind=kind, track=track.id, split=track.split, stems=stems,
            audio=file.relative_to(source_root).as_posix() if file else None,
            instruments=_instruments(stems), duration=mix.duration, sample_rate=mix.sample_rate,
            bpm=None if bpm is None else round(bpm, 3), key=key, caption=None, tags=None, description=None,
            activity={sound.stem.id: sound.spans for sound in members}, references=(), licence=LICENCE,
            seed=seed_of(item_id) >> 11,  # JSON numbers are exact up to 53 bits
        )  # fmt: skip

    items = [item("mix", "mix", sounds, track.mix)] if sounds else []
    items += [item(sound.stem.id, "stem", [sound], sound.stem.audio) for sound in named]
    by_id = {sound.stem.id: sound for sound in named}
    for group in submixes.choose(track.id, [sound.stem for sound in named], per_size):
        count = sum(other.id.startswith(f"{track.id}-sub{len(group)}-") for other in items)
        items.append(item(f"sub{len(group)}-{count + 1}", "submix", [by_id[stem.id] for stem in group], None))
    references = _references(items, {sound.stem.id: sound.melody for sound in named})
    items = [replace(one, references=references) for one in items]
    return TrackItems([_described(one, source_root, tools) for one in items], left_out)


def _sounds(track: Track, left_out: list[dict[str, str]]) -> list[_Sound]:
    sounds = []
    for stem in track.stems:
        try:
            rms, duration = frame_rms(stem.audio)
            spans = spans_of(rms, duration)
            seconds = overlap(spans, 0.0, duration)
            if seconds < LEAST_SOUNDING:
                left_out.append(_left(track, stem.id, "silent"))
                continue
            score = read_midi(stem.midi) if stem.midi and not stem.is_drum else None
            melody = 0.0 if stem.is_drum else melody_score(score, seconds / duration)
            sounds.append(_Sound(stem, spans, duration, melody))
        except UserError as error:
            left_out.append(_left(track, stem.id, str(error)))
    return sounds


def _left(track: Track, what: str, reason: str) -> dict[str, str]:
    return {"track": track.id, "what": "stem", "stem": what, "reason": reason}


def _part(stem: Stem, source_root: Path) -> StemPart:
    path = stem.audio.relative_to(source_root).as_posix()
    return StemPart(stem.id, path, 1.0, stem.instrument, stem.program, stem.is_drum)


def _instruments(stems: Sequence[StemPart]) -> tuple[str, ...]:
    from .vocabulary import ordered

    return ordered(stem.instrument for stem in stems if stem.instrument)


def _references(items: Sequence[Item], melody: dict[str, float]) -> tuple[Reference, ...]:
    """All items that carry a melody, those that carry most of it first; of several stems the mean of theirs."""
    scored = []
    for item in items:
        values = [melody.get(stem.id, 0.0) for stem in item.stems]
        score = round(float(np.mean(values)), 4)
        if score > 0:
            scored.append(Reference(item.id, score))
    return tuple(sorted(scored, key=lambda reference: (-reference.melody, reference.item)))


def _described(item: Item, source_root: Path, tools: Tools) -> Item:
    captions = _captions(item, source_root, tools)
    tags: dict[str, float] | None = None
    if captions:
        names = captions[0].tags
        tags = {name: round(float(np.mean([caption.tags[name] for caption in captions])), 4) for name in names}
    description = DESCRIBERS[tools.describer](item.id, tags, item.bpm, item.key) if tools.describer else None
    return replace(item, caption=captions[0].text if captions else None, tags=tags, description=description)


def _captions(item: Item, source_root: Path, tools: Tools) -> list[Caption]:
    """Captions of windows in which the item sounds."""
    if tools.captioner is None:
        return []
    spans = union(*item.activity.values())
    rng = rng_for(item.id, "caption")
    wavs = []
    for _ in range(tools.caption_windows):
        first, last = spans[int(rng.integers(len(spans)))]
        start = max(0.0, min(item.duration - CAPTION_SECONDS, (first + last - CAPTION_SECONDS) / 2))
        files = [item.audio] if item.audio else [stem.path for stem in item.stems]
        wavs.append(sum(audio.read(source_root / path, start, CAPTION_SECONDS, 16_000) for path in files))
    return list(tools.captioner.captions([np.asarray(wav) for wav in wavs], 16_000))
