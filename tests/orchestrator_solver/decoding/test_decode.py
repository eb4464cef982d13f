"""The loop draws what audiocraft's draws: greedy codes are the same, whatever is put before or added to them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from audiocraft.modules.conditioners import ConditioningAttributes
from support import hub_cache

from dataset_builder.errors import UserError
from orchestrator_solver.decoding.decode import Piece, decode
from orchestrator_solver.decoding.draws import Draws
from orchestrator_solver.decoding.guidance import Guidance
from orchestrator_solver.decoding.network import Network
from orchestrator_solver.decoding.passes import conditions_of
from orchestrator_solver.generation.model import OrchestratorModel, load_model
from orchestrator_solver.generation.reference_audio import ReferenceAudio

GREEDY = Draws([0, 0], temperature=0, top_k=1)


@pytest.fixture(scope="module", params=["frame by frame", "put before"])
def model(request: pytest.FixtureRequest, tiny_models: Path, filled_hub: Path) -> OrchestratorModel:
    """The two ways in which a reference is given: the nano models', and MusicGen Melody's, of one layer."""
    if request.param == "frame by frame":
        return load_model("nano")
    with pytest.MonkeyPatch.context() as patch:
        hub_cache.use(filled_hub, patch)
        return load_model("//pretrained/facebook/musicgen-melody")


def asked(
    model: OrchestratorModel, prompts: Sequence[str | None], seconds: float = 1.6
) -> list[ConditioningAttributes]:
    """A request of each prompt, to play one tone."""
    rate = model.sample_rate
    wav = (0.2 * np.sin(2 * np.pi * 440.0 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)
    return [model.condition(prompt, ReferenceAudio(wav, rate, one_stem=True), 0.0, seconds) for prompt in prompts]


def drawn(
    model: OrchestratorModel, samples: list[ConditioningAttributes], frames: int, known: torch.Tensor,
    guidance: Guidance, draws: Draws = GREEDY, of_request: Sequence[int] = (0, 1), network: Network | None = None,
) -> torch.Tensor:  # fmt: skip
    """The codes `[B, K, T]` of a piece, those that were known before them."""
    piece = Piece(conditions_of(model.lm, samples, guidance), of_request, frames, known)
    with torch.no_grad():
        new = list(decode(model.lm, network or model.network, piece, guidance, draws))
    return torch.cat([known, *new], dim=-1)


def known_codes(model: OrchestratorModel, frames: int, samples: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, model.lm.card, (samples, model.lm.n_q, frames), generator=generator)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize("known", [0, 7])
def test_greedy_codes_are_audiocrafts(model: OrchestratorModel, guidance: float, known: int) -> None:
    samples, before = asked(model, ["violin, cello", None]), known_codes(model, known)
    with torch.no_grad():
        wanted = model.lm.generate(
            before if known else None, samples, max_gen_len=24, use_sampling=False, cfg_coef=guidance
        )
    assert torch.equal(drawn(model, samples, 24, before, Guidance(guidance, guidance)), wanted)


def test_guidance_apart_weighs_three_passes(model: OrchestratorModel) -> None:
    """Each code is the likeliest of logits that audiocraft's forward pass gives with all, no words, nothing."""
    samples, guidance = asked(model, ["violin, cello"]), Guidance(melody=2.0, words=5.0)
    codes = drawn(model, samples, 12, known_codes(model, 0, 1), guidance, Draws([0], 0, 1), [0])
    with torch.no_grad():
        found = model.lm.compute_predictions(
            codes.repeat(3, 1, 1), [], conditions_of(model.lm, samples, guidance), keep_only_valid_steps=False
        )
    given, melody, nothing = found.logits
    combined = nothing + 2.0 * (melody - nothing) + 5.0 * (given - melody)
    assert torch.equal(combined.argmax(-1)[None], codes)
    assert not torch.equal(combined.argmax(-1), given.argmax(-1)), "or this shows nothing"


def test_one_dial_needs_two_passes_and_none_needs_one() -> None:
    assert [len(Guidance(*dials).passes) for dials in ((1, 1), (3, 3), (3, 4), (1, 3))] == [1, 2, 3, 3]


def test_takes_of_one_request_are_what_each_is_alone(model: OrchestratorModel) -> None:
    samples, guidance, nothing = asked(model, ["drums"]), Guidance(3, 3), known_codes(model, 0, 3)
    together = drawn(model, samples, 16, nothing, guidance, Draws([1, 2, 3], 1.0, 50), [0, 0, 0])
    for place, seed in enumerate((1, 2, 3)):
        alone = drawn(model, samples, 16, nothing[:1], guidance, Draws([seed], 1.0, 50), [0])
        assert (alone[0] == together[place]).float().mean() > 0.98  # sums of other sizes may turn what is nearly a draw
    assert not torch.equal(together[0], together[1])


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.int8])
def test_less_precise_products_are_near(model: OrchestratorModel, precision: torch.dtype) -> None:
    """Their logits are those of float32 but for one part in thirty."""
    codes = known_codes(model, 8)
    exact, near = (_logits(network, codes) for network in (model.network, Network(model.lm, precision)))
    assert (exact - near).std() < exact.std() / 30


def _logits(network: Network, codes: torch.Tensor) -> torch.Tensor:
    return network(network.embed(codes), network.cache(2, codes.shape[-1]), 0)


def test_what_a_graph_holds_is_the_plain_step(model: OrchestratorModel) -> None:
    """A step whose position is a value, and which looks past it through a mask: what CUDA graphs replay."""
    network, x = model.network, model.network.embed(known_codes(model, 9))
    plain, valued = network.cache(2, 20), network.cache(2, 20)
    for cache in (plain, valued):
        network(x[:, :8], cache, 0)
    wanted = network(x[:, 8:], plain, 8)
    with torch.no_grad():
        found = network.at(x[:, 8:], valued, torch.tensor([8]), 16)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_codes_come_as_they_are_drawn(model: OrchestratorModel) -> None:
    piece = Piece(conditions_of(model.lm, asked(model, ["drums"]), Guidance(1, 1)), [0], 10, known_codes(model, 4, 1))
    sizes = [new.shape[-1] for new in decode(model.lm, model.network, piece, Guidance(1, 1), Draws([0], 0, 1))]
    assert sizes == [1] * 6


def test_transformers_of_other_kinds_are_refused(tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lm = load_model(str(tiny_models)).lm
    monkeypatch.setattr(lm.transformer.layers[0], "norm_first", False)
    with pytest.raises(UserError, match="has norms after the sums: what plays knows the transformers of MusicGen"):
        Network(lm, torch.float32)


def test_draws_follow_the_probabilities() -> None:
    """Of 20,000 draws each code's share is its softmax's among the likeliest, at any temperature."""
    logits = torch.tensor([2.0, 1.0, 0.5, 0.0, -3.0])
    count = 20_000
    for temperature in (0.5, 1.0):
        draws = Draws(range(count), temperature, top_k=4)
        numbers = draws.numbers(1, 1)
        assert numbers is not None
        taken = draws.pick(logits.expand(count, 1, -1), numbers[0])
        shares = torch.bincount(taken.flatten(), minlength=5) / count
        wanted = torch.cat([(logits[:4] / temperature).softmax(0), torch.zeros(1)])
        assert (shares - wanted).abs().max() < 4 * (0.25 / count) ** 0.5


def test_a_stream_of_numbers_is_a_seeds_own() -> None:
    both, second = Draws([1, 2], 1.0, 9), Draws([2], 1.0, 9)
    first_steps, later = both.numbers(5, 2), both.numbers(3, 2)
    alone = second.numbers(8, 2)
    assert first_steps is not None and later is not None and alone is not None
    assert torch.equal(torch.cat([first_steps, later])[:, 1], alone[:, 0])
