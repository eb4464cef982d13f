"""A prompt's instruments count as such, however they are written."""

import torch

from orchestrator_solver.nano.bag_of_words import BagOfWordsConditioner, word_bins


def _conditioner() -> BagOfWordsConditioner:
    torch.manual_seed(0)
    return BagOfWordsConditioner(output_dim=8, dim=4, n_bins=64)


def test_shapes_and_masks() -> None:
    conditioner = _conditioner()
    condition, mask = conditioner(conditioner.tokenize(["violin, drums", None, ""]))
    assert condition.shape == (3, 1, 8) and mask[:, 0].tolist() == [1, 0, 0]
    assert condition[1:].abs().sum() == 0 and condition[0].abs().sum() > 0


def test_an_alias_is_the_same_instrument() -> None:
    conditioner = _conditioner()
    instruments = conditioner.tokenize(["flutes and a piano", "pipe, acoustic piano"])[1]
    assert torch.equal(instruments[0], instruments[1]) and instruments[0].sum() == 2


def test_tempi_that_are_near_share_a_bin() -> None:
    assert word_bins("72 BPM", 64) == word_bins("78 BPM", 64) != word_bins("132 BPM", 64)
