"""Key and tempo of MIDI files, against music21's `analyze('key')` and pretty_midi's tempo map."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..music.key import KEY_BACKENDS
from ..music.midi import read_midi
from ..music.tempo import track_bpm
from .comparison import Comparison, compare
from .measurement import Report

_TEMPO_TOLERANCE = 1e-3  # relative: pretty_midi rounds tempi to microseconds a quarter as it writes and reads


@dataclass(frozen=True)
class KeyReport(Report):
    """Speed and agreement.

    Attributes:
        key: seconds for the key of every file, from the file to the label.
        files: how many.
        tracks: mean number of tracks with notes of a file.
        differing: files whose labels differ, with both labels.
        tempo_differing: files whose tempo is not pretty_midi's.
    """

    key: Comparison
    files: int
    tracks: float
    differing: tuple[str, ...]
    tempo_differing: tuple[str, ...]

    def text(self) -> str:
        """The report for a terminal."""
        lines = [self.key.text()]
        lines.append(
            f"  {self.files - len(self.differing)} of {self.files} labels equal, {self.tracks:.1f} tracks a file"
        )
        lines += [f"  differs: {line}" for line in self.differing]
        equal = self.files - len(self.tempo_differing)
        lines.append(f"  {equal} of {self.files} tempi equal pretty_midi's, weighted by duration")
        return "\n".join([*lines, *(f"  differs: {line}" for line in self.tempo_differing)])

    def to_json(self) -> dict[str, Any]:
        """All of it, as plain values for JSON."""
        return {**vars(self), "key": self.key.to_json()}


def bench_key(paths: Sequence[Path], repeats: int) -> KeyReport:
    """Time both ways over all files, in turns.

    Raises:
        UserError: if a file cannot be read.
    """
    labels: dict[str, list[str | None]] = {}

    def all_keys(backend: str) -> None:
        labels[backend] = [KEY_BACKENDS[backend](path) for path in paths]

    KEY_BACKENDS["music21"](paths[0])  # imports are not what is measured
    all_keys("fast")  # nor is the disk: every file is in the page cache then, for both
    key = compare(
        f"key of {len(paths)} MIDI files, from file to label",
        ("fast", lambda: all_keys("fast")), ("music21", lambda: all_keys("music21")), repeats,
    )  # fmt: skip
    pairs = zip(paths, labels["fast"], labels["music21"], strict=True)
    differing = tuple(f"{path.name}: {fast}, music21 {slow}" for path, fast, slow in pairs if fast != slow)
    sizes = [sum(len(track.notes) > 0 for track in read_midi(path).tracks) for path in paths]
    tempi = tuple(line for path in paths if (line := _tempo_difference(path)))
    return KeyReport(key, len(paths), sum(sizes) / len(sizes), differing, tempi)


def _tempo_difference(path: Path) -> str | None:
    """How our tempo differs from pretty_midi's tempo map; None if it does not."""
    ours, theirs = track_bpm(read_midi(path)), pretty_midi_bpm(path)
    if ours is not None and abs(ours - theirs) <= _TEMPO_TOLERANCE * theirs:
        return None
    return f"{path.name}: {ours} bpm, pretty_midi {theirs}"


def pretty_midi_bpm(path: Path) -> float:
    """The tempo by pretty_midi's own tempo map, weighted by duration."""
    import numpy as np
    import pretty_midi

    midi = pretty_midi.PrettyMIDI(str(path))
    times, bpm = midi.get_tempo_changes()
    seconds = np.diff(np.append(times, midi.get_end_time()))
    sounding = seconds > 0  # a change after the last note does not count
    return float((bpm[sounding] * seconds[sounding]).sum() / seconds[sounding].sum())
