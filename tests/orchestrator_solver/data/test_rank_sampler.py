"""What each of several processes draws of an epoch, from any batch on, and that all meet as often."""

import math
from functools import partial

import pytest
import torch

from orchestrator_solver.data.rank_sampler import RankSampler, SyncedLoader


def test_processes_share_an_epoch_from_any_step_on() -> None:
    samplers = [RankSampler(24, rank, 2) for rank in (0, 1)]
    for sampler in samplers:
        sampler.load_state_dict({"start": 2 * 3})  # two steps of three samples
    batches = [list(sampler) for sampler in samplers]
    assert sorted(batches[0][:3] + batches[1][:3]) == [12, 13, 14, 15, 16, 17], "the third batch of six"
    assert len(samplers[0]) == 12


@pytest.mark.parametrize(("length", "even"), [(64, True), (60, True), (66, False), (71, False), (56, True), (5, False)])
def test_whether_processes_have_as_many_batches(length: int, even: bool) -> None:
    """In batches of 8 on 8 processes: of 66 samples two processes have nine. All meet as often."""
    samplers = [RankSampler(length, rank, 8) for rank in range(8)]
    assert all(sampler.even(8) == even for sampler in samplers)
    assert (len({math.ceil(len(sampler) / 8) for sampler in samplers}) == 1) == even
    met: list[RankSampler] = []
    for sampler in samplers:
        loader = SyncedLoader(torch.arange(length), 8, sampler, partial(met.append, sampler))
        assert sum(map(len, loader)) == len(sampler)
    assert {met.count(sampler) for sampler in samplers} == {math.ceil(length / 64)}


def test_a_loader_goes_on_after_the_batches_that_were_had() -> None:
    def loader() -> SyncedLoader:
        return SyncedLoader(torch.arange(24), 3, RankSampler(24, 1, 2), lambda: None)

    interrupted = loader()
    interrupted.load_state_dict({"batches": 2})
    assert interrupted.state_dict() == {"batches": 2} and len(interrupted) == len(loader())
    whole = [batch.tolist() for batch in loader()]
    assert [batch.tolist() for batch in interrupted] == whole[2:]
