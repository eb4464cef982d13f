"""The items of one track: its mix, every rendered stem, and submixes of 2, 3 and 4 instruments."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from ..audio.activity import Frames, spans_of
from ..audio.spans import Spans, overlap
from ..audio.track_audio import TrackAudio
from ..audit import exclusions as why
from ..audit.defects import Defect, reason_of
from ..audit.exclusions import LeftOut
from ..errors import UserError
from ..music.instruments import ordered
from ..music.key import KEY_BACKENDS
from ..music.melody_score import melody_score
from ..music.midi import ScoreTick, merged, read_midi
from ..music.tempo import track_bpm
from ..seeds import seed_of
from ..sources.track import Stem, Track
from . import submixes
from .grouping import Part, parts_of
from .item import Item, StemPart
from .references import references_of

LEAST_SOUNDING = 1.0  # seconds: a stem that sounds less is as good as silent


@dataclass(frozen=True)
class _Sound:
    """A stem that can be used: when it sounds, how long its file is, and how much melody it carries."""

    stem: Stem
    spans: Spans
    duration: float
    sample_rate: int
    melody: float


class _Group(NamedTuple):
    """What an item is made of: its name in the track, its stems, and the file that holds them together."""

    name: str
    kind: str
    members: Sequence[_Sound]
    file: Path | None = None
    frames: Frames | None = None


@dataclass
class ItemBuilder:
    """Turns a track into items; what cannot be used is listed in `left_out` with its reason.

    Args:
        track: what the source's reader found.
        source_root: paths are made relative to it.
        audio: decodes the track's files.
        per_size: submixes of each size.
        key_backend: a name in `KEY_BACKENDS`.
        grouping: a name in `GROUPINGS`: what an instrument is.
        skipped: defects for which stems, or the mix, are not used, by stem id or `mix`; empty for the whole track.
        follow_links: whether files are used that a link in the track leads to elsewhere.
    """

    track: Track
    source_root: Path
    audio: TrackAudio
    per_size: int
    key_backend: str = "fast"
    grouping: str = "stem"
    skipped: Mapping[str, Defect] = field(default_factory=dict)
    follow_links: bool = False
    left_out: list[LeftOut] = field(default_factory=list)

    def items(self) -> list[Item]:
        """The track's items, without captions and descriptions; no mix if its file cannot be used."""
        if whole := self.skipped.get(""):
            self._leave("track", "", reason_of(whole), f"{whole.kind}: {whole.detail}")
            return []
        mix = self._audible(self.track.mix, "mix", "mix") if self.track.mix else None
        has_mix = mix is not None or self.track.mix is None
        sounds = self._sounds()
        named = [sound for sound in sounds if sound.stem.instrument]
        for sound in sounds:
            if not sound.stem.instrument:
                self._leave("stem", sound.stem.id, why.NO_CLASS, sound.stem.unnamed)
        bpm, key = self._tempo_and_key()
        groups = [_Group("mix", "mix", sounds, self.track.mix, mix)] if named and has_mix else []
        by_id = {sound.stem.id: sound for sound in named}
        parts = parts_of([sound.stem for sound in named], self.grouping)
        for part in parts:
            members = [by_id[stem] for stem in part.stems]
            groups.append(_Group(part.id, "stem", members, members[0].stem.audio if len(members) == 1 else None))
        for name, chosen in self._submixes(parts):
            groups.append(_Group(name, "submix", [by_id[stem] for part in chosen for stem in part.stems]))
        items = [self._item(group, bpm, key) for group in groups]
        melody = {sound.stem.id: sound.melody for sound in named}
        references = references_of(items, melody)
        return [replace(item, references=references[item.id]) for item in items]

    def _leave(self, what: str, which: str, reason: str, detail: str) -> None:
        detail = detail.replace(f"{self.source_root}/", "")
        self.left_out.append(LeftOut(self.track.id, what, which, reason, detail))

    def _sounds(self) -> list[_Sound]:
        found = [self._sound(stem) for stem in self.track.stems]
        return [sound for sound in found if sound is not None]

    def _sound(self, stem: Stem) -> _Sound | None:
        frames = self._audible(stem.audio, "stem", stem.id)
        if frames is None:
            return None
        spans = spans_of(frames.rms, frames.duration)
        melody = 0.0
        if not stem.is_drum:
            seconds = overlap(spans, 0.0, frames.duration)
            score = self._midi(stem.midi, stem.id)
            melody = melody_score(score, seconds / frames.duration, seconds, stem.instrument)
        return _Sound(stem, spans, frames.duration, frames.sample_rate, melody)

    def _audible(self, path: Path, what: str, which: str) -> Frames | None:
        """A file's loudness; None, and a line in `left_out`, if it is to be skipped, cannot be read or is silent."""
        if which in self.skipped:
            defect = self.skipped[which]
            self._leave(what, which, reason_of(defect), f"{defect.kind}: {defect.detail}")
            return None
        if not self._is_there(path, what, which, why.NO_AUDIO):
            return None
        try:
            frames = self.audio.frames(path)
        except UserError as error:
            self._leave(what, which, why.BROKEN_AUDIO, str(error))
            return None
        seconds = overlap(spans_of(frames.rms, frames.duration), 0.0, frames.duration)
        if seconds < min(LEAST_SOUNDING, frames.duration / 2):
            self._leave(what, which, why.SILENT, f"{seconds:.2f} s of sound")
            return None
        return frames

    def _is_there(self, path: Path, what: str, which: str, missing: str) -> bool:
        """Whether there is a file that may be used; if not, a line in `left_out` says why."""
        if not (self.follow_links or self.track.holds(path)):
            self._leave(what, which, why.LINK_OUT, f"{path} is a link to {os.path.realpath(path)}")
            return False
        if not path.is_file():
            self._leave(what, which, missing, f"{path} is missing")
            return False
        return True

    def _midi(self, path: Path | None, which: str) -> ScoreTick | None:
        """A MIDI file; None if the source has none, or, with a line in `left_out`, if it is missing or broken."""
        if path is None or not self._is_there(path, "MIDI", which, why.NO_MIDI):
            return None
        try:
            return read_midi(path)
        except UserError as error:
            self._leave("MIDI", which, why.BROKEN_MIDI, str(error))
            return None

    def _tempo_and_key(self) -> tuple[float | None, str | None]:
        """Of the MIDI file of everything, as the paper has them; without one, of the stems' files together."""
        if self.track.all_src is not None:
            score = self._midi(self.track.all_src, "all_src")
            return (None, None) if score is None else self._analysed(self.track.all_src, score)
        scores = [self._midi(stem.midi, stem.id) for stem in self.track.stems]
        together = merged([score for score in scores if score is not None])
        if together is None:
            return None, None
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "all_src.mid"
            together.dump_midi(path)
            return self._analysed(path, read_midi(path))

    def _analysed(self, path: Path, score: ScoreTick) -> tuple[float | None, str | None]:
        bpm = track_bpm(score)
        try:
            key = KEY_BACKENDS[self.key_backend](path)
        except UserError as error:
            self._leave("MIDI", "all_src", why.BROKEN_MIDI, str(error))
            key = None
        return None if bpm is None else round(bpm, 3), key

    def _submixes(self, parts: Sequence[Part]) -> list[tuple[str, tuple[Part, ...]]]:
        found = []
        for size in submixes.SIZES:
            groups = submixes.choose(self.track.id, parts, size, self.per_size)
            if len(groups) < self.per_size:
                detail = f"{len(groups)} of {size} instruments, {self.per_size} asked for"
                self._leave("submix", f"sub{size}", why.FEW_COMBINATIONS, detail)
            for number, group in enumerate(groups, start=1):
                found.append((f"sub{size}-{number}", group))
        return found

    def _item(self, group: _Group, bpm: float | None, key: str | None) -> Item:
        item_id = f"{self.track.id}-{group.name}"
        stems = tuple(self._part(sound.stem) for sound in group.members)
        seconds = [sound.duration for sound in group.members]
        return Item(
            id=item_id, kind=group.kind, track=self.track.id, split=self.track.split, stems=stems,
            audio=self._relative(group.file) if group.file else None,
            instruments=ordered(stem.instrument for stem in stems if stem.instrument),
            duration=group.frames.duration if group.frames else max(seconds),
            sample_rate=group.frames.sample_rate if group.frames else group.members[0].sample_rate,
            bpm=bpm, key=None if all(stem.is_drum for stem in stems) else key,
            caption=None, tags=None, description=None,
            activity={sound.stem.id: sound.spans for sound in group.members}, references=(),
            licence=self.track.licence, seed=seed_of(item_id) >> 11,  # JSON numbers are exact up to 53 bits
        )  # fmt: skip

    def _part(self, stem: Stem) -> StemPart:
        return StemPart(
            stem.id, self._relative(stem.audio), 1.0, stem.instrument, stem.program, stem.is_drum, stem.word
        )  # fmt: skip

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.source_root).as_posix()
