"""Every `ClipMetric` as a metric of `torchmetrics`, for loops that log with it and for several processes."""

from typing import Any

import torch
from torchmetrics import Metric

from .clips import ClipMetric, Clips


class MeanOfClips(Metric):
    """The mean of a `ClipMetric` over all clips of all processes that it is defined for; NaN if there are none.

    Args:
        metric: scores the clips, on the CPU.
        settings: torchmetrics' own, such as `sync_on_compute`.
    """

    full_state_update = False
    is_differentiable = False
    total: torch.Tensor
    count: torch.Tensor

    def __init__(self, metric: ClipMetric, **settings: Any):
        super().__init__(**settings)
        self.metric = metric
        self.add_state("total", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        """The metric's own direction."""
        return self.metric.higher_is_better

    def update(self, clips: Clips) -> None:
        """Score a batch."""
        scores = torch.from_numpy(self.metric(clips))
        self.total += scores.nansum().to(self.total)
        self.count += scores.isfinite().sum().to(self.count)

    def compute(self) -> torch.Tensor:
        """The mean of all scores since the last reset."""
        return self.total / self.count
