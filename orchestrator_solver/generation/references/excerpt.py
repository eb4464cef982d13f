"""Which part of a file is the reference, and how long that may be."""

from dataclasses import dataclass
from pathlib import Path

from dataset_builder.audio.times import clock
from dataset_builder.errors import UserError

MAX_SECONDS = 600.0  # of what is taken whole; more only of a part that is asked for
MIN_SECONDS, MOST_SECONDS = 1.0, 3600.0  # of a reference


@dataclass(frozen=True)
class Part:
    """A part of a file, in seconds.

    Attributes:
        begin: from where on.
        end: to where at most; None to the file's end.
    """

    begin: float = 0.0
    end: float | None = None

    def __post_init__(self) -> None:
        """Raises UserError for a part that is none, or too short or long for a reference."""
        if self.begin < 0 or (self.end is not None and not self.begin < self.end):
            raise UserError(f"from {self.begin:g} to {self.end:g} s is no part: expected an end after its begin")
        if self.end is not None and not MIN_SECONDS <= self.end - self.begin <= MOST_SECONDS:
            raise UserError(
                f"the part from {clock(self.begin)} to {clock(self.end)} is {self.end - self.begin:g} s long: expected "
                f"{MIN_SECONDS:g} s to {clock(MOST_SECONDS)}"
            )

    def within(self, what: Path | str, seconds: float) -> "Part":
        """This part of a file that is so long, its end known.

        Raises:
            UserError: the file or what is left of it is empty, too short, or too long to be taken whole.
        """
        if seconds <= 0:
            raise UserError(f"{what} holds no sound (zero seconds): it is empty or damaged")
        if self.begin >= seconds:
            raise UserError(
                f"{what} is {clock(seconds)} long, and --from says {clock(self.begin)}: begin before its end"
            )
        end = seconds if self.end is None else min(self.end, seconds)
        left = end - self.begin
        if left < MIN_SECONDS:
            raise UserError(
                f"{what} is {left:.2f} s long{' from there on' if self.begin else ''}, expected at least "
                f"{MIN_SECONDS:.0f} s"
            )
        if left > MAX_SECONDS and self.end is None:
            raise UserError(
                f"{what} is {clock(left)} long{' from there on' if self.begin else ''}, expected at most "
                f"{clock(MAX_SECONDS)}: say with --from and --to which part to use, or with --duration how much"
            )
        return Part(self.begin, end)

    def record(self) -> dict[str, float]:
        """What a recording's JSON says of it; nothing of the whole."""
        asked = {"from": self.begin or None, "to": self.end}
        return {name: value for name, value in asked.items() if value is not None}
