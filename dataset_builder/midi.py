"""Reading MIDI files."""

from collections.abc import Sequence
from pathlib import Path

from symusic import Score
from symusic.core import ScoreTick

from .errors import UserError


def read_midi(path: Path) -> ScoreTick:
    """A MIDI file, times in ticks.

    Raises:
        UserError: if it is missing or broken.
    """
    try:
        score: ScoreTick = Score(path)  # type: ignore[assignment]
        return score
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"{path} cannot be read as MIDI ({error})") from error


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
