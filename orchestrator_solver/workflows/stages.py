"""Says which stage of a long piece of work begins, what share of it that is, and about how long the rest takes."""

import time
from collections.abc import Mapping


class Stages:
    """Stages of known weights; the time left follows from how long those before took.

    Args:
        seconds: of each stage as once measured, by its description, in their order.
    """

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self.seconds, self.names = dict(seconds), list(seconds)
        self.started = time.monotonic()
        self.done = 0.0

    def begin(self, name: str) -> None:
        """Print that a stage begins; those before it are done."""
        place = self.names.index(name)
        total, self.done = sum(self.seconds.values()), sum(self.seconds[one] for one in self.names[:place])
        share, minutes = self.seconds[name] / total, (total - self.done) * self._pace() / 60
        left = f"about {minutes:.0f} minutes left" if minutes >= 1 else "less than a minute left"
        print(f"[{place + 1}/{len(self.names)}] {name} ({share:.0%} of all; {left})", flush=True)

    def _pace(self) -> float:
        """How much longer than measured this machine takes; a stage that only goes on makes no machine faster."""
        return max(1.0, (time.monotonic() - self.started) / self.done) if self.done else 1.0
