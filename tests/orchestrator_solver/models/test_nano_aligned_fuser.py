"""A condition's frame belongs to a fixed time, in one pass and step by step."""

import pytest
import torch

from orchestrator_solver.features.conditions import Condition
from orchestrator_solver.nano.aligned_fuser import AlignedFuser

FUSE = {"sum": [], "prepend": [], "cross": [], "input_interpolate": ["melody"]}


def _fuser() -> AlignedFuser:
    return AlignedFuser(FUSE, steps_per_frame={"melody": 1.6})


def _condition(frames: int) -> Condition:
    return Condition(torch.arange(1.0, frames + 1)[None, :, None].expand(1, frames, 4), torch.ones(1, frames))


def test_frames_follow_time() -> None:
    fused, cross = _fuser()(torch.zeros(1, 8, 4), {"melody": _condition(5)})
    assert fused[0, :, 0].tolist() == [1, 1, 2, 2, 3, 4, 4, 5] and cross is None


def test_steps_past_the_condition_get_nothing() -> None:
    fused, _ = _fuser()(torch.zeros(1, 6, 4), {"melody": _condition(2)})
    assert fused[0, :, 0].tolist() == [1, 1, 2, 2, 0, 0]


def test_streaming_equals_one_pass() -> None:
    fuser, condition, steps = _fuser(), _condition(5), torch.randn(1, 8, 4)
    whole, _ = fuser(steps.clone(), {"melody": condition})
    with fuser.streaming():
        parts = [fuser(part.clone(), {"melody": condition})[0] for part in steps.split([3, 1, 1, 3], dim=1)]
    assert torch.equal(torch.cat(parts, dim=1), whole)


def test_a_rate_is_wanted_for_every_condition() -> None:
    with pytest.raises(ValueError, match="melody"):
        AlignedFuser(FUSE, steps_per_frame={})
