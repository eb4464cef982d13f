"""Reading MIDI files."""

import math
from collections.abc import Sequence
from pathlib import Path

from symusic import Score
from symusic.core import ScoreTick

from ..errors import UserError
from ..runtime.untrusted import read_regular
from .instrument_words import sound_of
from .instruments import class_of

LARGEST = 1 << 24  # bytes: millions of notes; of Slakh2100 the largest file has less than one megabyte


def read_midi(path: Path) -> ScoreTick:
    """A MIDI file, times in ticks.

    Raises:
        UserError: if it is missing or broken.
    """
    try:
        data = read_regular(path, LARGEST)
        score: ScoreTick = Score.from_midi(data)  # type: ignore[assignment]
        _require_whole(data, score)
        return score
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"{path} cannot be read as MIDI ({error})") from error


def _require_whole(data: bytes, score: ScoreTick) -> None:
    """What symusic lets pass: a file that ends between two tracks, and values that no time can be told by."""
    found, chunk = 0, 8 + int.from_bytes(data[4:8], "big")
    while chunk + 8 <= len(data):
        found += data[chunk : chunk + 4] == b"MTrk"
        chunk += 8 + int.from_bytes(data[chunk + 4 : chunk + 8], "big")
    if found < (promised := int.from_bytes(data[10:12], "big")):
        raise ValueError(f"it has {found} tracks, its header promises {promised}")
    if score.ticks_per_quarter < 1:
        raise ValueError("a quarter has 0 ticks")
    if not all(0 < tempo.qpm < math.inf for tempo in score.tempos):
        raise ValueError("a quarter lasts 0 microseconds")


def merged(scores: Sequence[ScoreTick]) -> ScoreTick | None:
    """One score of all tracks, with the tempo map of the first that has one; None for no scores."""
    if not scores:
        return None
    result = scores[0].copy()
    for score in scores[1:]:
        same = score if score.tpq == result.tpq else score.resample(result.tpq)
        result.tracks.extend(same.tracks)
        if not result.tempos:
            result.tempos = same.tempos
    return result


def sounds_in(score: ScoreTick) -> set[str]:
    """The instruments that play notes in a score: their classes, and General MIDI's words for what has none."""
    playing = [track for track in score.tracks if len(track.notes)]
    return {class_of(one.program, one.is_drum) or sound_of(one.program, one.is_drum) for one in playing}
