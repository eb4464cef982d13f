"""Means of a stage's metrics that can be saved between two steps."""

from collections.abc import Mapping
from typing import Any

COUNTS = frozenset({"skipped", "nonfinite"})  # of which a stage has a sum


class RunningMeans:
    """Adds up metrics step by step; a step that lacks a metric does not count for it."""

    def __init__(self) -> None:
        self.steps = 0
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}

    def add(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """Add a step's metrics; returns `values`."""
        self.steps += 1
        for name, value in metrics.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value)
            self.counts[name] = self.counts.get(name, 0) + 1
        return self.values()

    def values(self) -> dict[str, float]:
        """The mean of every metric, or its sum if it counts events."""
        return {name: total / (1 if name in COUNTS else self.counts[name]) for name, total in self.sums.items()}

    def reset(self) -> None:
        """Forget everything."""
        self.__init__()  # type: ignore[misc]

    def state_dict(self) -> dict[str, Any]:
        """Steps, sums and counts."""
        return {"steps": self.steps, "sums": dict(self.sums), "counts": dict(self.counts)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.steps, self.sums, self.counts = state["steps"], dict(state["sums"]), dict(state["counts"])
