"""By what takes of one request are ranked: which scores are heard, and what each of them weighs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dataset_builder.errors import UserError

if TYPE_CHECKING:
    from ...metrics.clips import ClipMetric

# What somebody names, the metric's name and the heading of its scores, all of them at most 1.
JUDGES = MappingProxyType({
    "melody": ("melody", "melody (above chance)"), "instruments": ("instruments", "instruments F1"),
    "text": ("clap", "CLAP"),
})  # fmt: skip
WEIGHTS: Mapping[str, float] = MappingProxyType({"melody": 0.5, "instruments": 0.5})
_FOLLOWING = "sim"  # heard of every take, to tell one that leaves the tune


@dataclass(frozen=True)
class Ranking:
    """How takes are compared.

    Attributes:
        weights: by names in `JUDGES`; their sum is of no matter. `text` is LAION's CLAP, which has to be installed.
        settings: of metrics by their names, see `build_metrics`.
    """

    weights: Mapping[str, float] = field(default_factory=lambda: WEIGHTS)
    settings: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    def metrics(self) -> "dict[str, ClipMetric]":
        """What has to be heard.

        Raises:
            UserError: what one of them needs is missing.
        """
        from ...metrics.registry import build_metrics

        return build_metrics((_FOLLOWING, *(JUDGES[name][0] for name in self.weights)), **self.settings)

    @property
    def by_heading(self) -> dict[str, float]:
        """Weights by the headings that scores have in a record."""
        return {JUDGES[name][1]: weight for name, weight in self.weights.items()}


def weights_of(text: str) -> dict[str, float]:
    """Weights that are written `melody=2,instruments=1,text=1`; a name alone weighs 1.

    Raises:
        UserError: a name that is none of `JUDGES`, one that is there twice, or a weight that is not above 0.
    """
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = (word.strip() for word in part.partition("="))
        if name not in JUDGES or name in weights:
            raise UserError(
                f"--rank-by {text}: expected {', '.join(JUDGES)}, each once, such as melody=2,instruments=1"
            )
        weights[name] = _weight(number or "1", name)
    return weights


def _weight(text: str, name: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise UserError(f"--rank-by {name}={text}: a weight is a number above 0")
    return weight
