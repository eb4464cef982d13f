"""Whole frames are hidden, a share of its own of each sample, the same whoever computes it; what is foretold is all."""

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from support.tiny_lm import tiny_batch, tiny_lm

from dataset_builder.errors import UserError
from orchestrator_solver.training.gradients import accumulate
from orchestrator_solver.training.past_dropout import hide_past

CODES, NOTHING = torch.arange(6 * 2 * 400).view(6, 2, 400) % 16, 16


def hidden(most: float, positions: range = range(6), step: int = 3) -> torch.Tensor:
    return hide_past(CODES[: len(positions)], most, NOTHING, (0, 1, step), positions)


def test_whole_frames_of_each_sample_are_hidden() -> None:
    gone = hidden(0.8) == NOTHING
    assert torch.equal(gone[:, 0], gone[:, 1]), "a frame is hidden with all its codes"
    shares = gone[:, 0].float().mean(1)
    assert len(set(shares.tolist())) == 6 and shares.max() < 0.85
    assert torch.equal(hidden(0.8)[~gone], CODES[~gone]) and CODES.max() < NOTHING


def test_nothing_is_hidden_unless_it_is_asked_for() -> None:
    assert hidden(0.0) is not None and torch.equal(hidden(0.0), CODES)


def test_a_process_hides_what_one_alone_would() -> None:
    whole, step = hidden(1.0), hidden(1.0, step=4)
    assert torch.equal(hide_past(CODES[1::2], 1.0, NOTHING, (0, 1, 3), range(1, 6, 2)), whole[1::2])
    assert not torch.equal(whole, step)


def test_what_is_hidden_is_foretold_and_not_seen() -> None:
    """With nothing to be seen but the hidden, other codes leave the model's outputs as they are: the loss follows."""
    model = tiny_lm()
    batch = tiny_batch(model)
    blind = replace(batch, past=torch.full_like(batch.codes, model.special_token_id))
    seen: list[torch.Tensor] = []
    model.register_forward_hook(lambda module, inputs, output: seen.append(output.detach()))
    losses = [
        accumulate(model, one, len(one.codes), nullcontext()).mean
        for one in (blind, replace(blind, codes=(blind.codes + 1) % 16))
    ]
    assert torch.equal(*seen) and losses[0] != losses[1]


@pytest.mark.parametrize("most", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none(most: float) -> None:
    with pytest.raises(UserError, match="expected a share of frames between 0 and 1"):
        hidden(most)
