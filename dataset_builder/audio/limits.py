"""What is taken for a recording: a header that says more is a mistake or a trap, and not to be made room for."""

from pathlib import Path

from ..errors import UserError

LEAST_RATE, MOST_RATE = 1_000, 768_000  # Hz
MOST_SECONDS = 24 * 60 * 60.0
MOST_AT_ONCE = 1 << 28  # samples that are read at once: one gigabyte, an hour and a half at 48 kHz


def require_recording(path: Path, sample_rate: int, frames: int) -> None:
    """See that a file's header can be that of a recording, before anything is decoded.

    Raises:
        UserError: if its rate is no rate of sound, or it lasts for days.
    """
    if not LEAST_RATE <= sample_rate <= MOST_RATE:
        raise UserError(
            f"{path} cannot be read as audio (its header says {sample_rate} Hz, expected {LEAST_RATE} to {MOST_RATE})"
        )
    if frames > MOST_SECONDS * sample_rate:
        hours = MOST_SECONDS / 3600
        raise UserError(f"{path} cannot be read as audio (its header promises {frames} samples, over {hours:g} hours)")


def require_room(what: object, seconds: float, rate: int) -> None:
    """See that a part of a recording can be held in memory, before memory is taken for it.

    Args:
        what: it is a part of, for the error.
        seconds: of it.
        rate: in Hz.

    Raises:
        UserError: if it is too long.
    """
    if seconds * rate > MOST_AT_ONCE:
        raise UserError(
            f"{what}: {seconds / 60:.0f} minutes at {rate} Hz are too many to be read at once, expected at most "
            f"{MOST_AT_ONCE // rate // 60}: cut the recording into shorter ones"
        )
