"""A track's tempo: its MIDI file's own tempo map, weighted by how long each tempo lasts."""

import numpy as np
from symusic.core import ScoreTick


def track_bpm(score: ScoreTick) -> float | None:
    """Quarters a minute, duration-weighted over the track; None for an empty file.

    The values are those of `pretty_midi.get_tempo_changes()`. `estimate_tempo()` guesses from the notes and is wrong on
    most files.
    """
    end = score.end()
    if end <= 0:
        return None
    found = [(tempo.time, tempo.qpm) for tempo in score.tempos if tempo.time < end]
    changes = sorted(found, key=lambda change: change[0])  # of two at the same tick the later one in the file holds
    if not changes or changes[0][0] > 0:
        changes.insert(0, (0, 120.0))  # the MIDI standard's default
    ticks = np.diff([time for time, _ in changes] + [end])
    bpm = np.array([qpm for _, qpm in changes])
    seconds = ticks / score.ticks_per_quarter * 60 / bpm
    return float((bpm * seconds).sum() / seconds.sum())
