"""Reading MIDI files."""

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
