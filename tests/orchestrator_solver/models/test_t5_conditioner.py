"""T5's states that a prompt brings are those of audiocraft's conditioner, and T5 runs only for prompts without."""

from pathlib import Path

import pytest
import torch
from audiocraft.modules.conditioners import T5Conditioner

from orchestrator_solver.features.conditions import EncodedText
from orchestrator_solver.features.text_store import TextStore
from orchestrator_solver.models.t5_conditioner import StoredT5Conditioner

TEXTS = ["a calm piece for violin, cello and drums in G major", None, "fast music", "drums"]


def _conditioner(kind: type[T5Conditioner]) -> T5Conditioner:
    torch.manual_seed(0)
    return kind("t5-base", output_dim=16, finetune=False, device="cpu", word_dropout=0.0).train()


@pytest.mark.usefixtures("hub_home")
def test_states_from_a_store_are_audiocrafts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stock, ours = _conditioner(T5Conditioner), _conditioner(StoredT5Conditioner)
    ours.load_state_dict(stock.state_dict())
    wanted, wanted_mask = stock(stock.tokenize(TEXTS))
    found, mask = ours(ours.tokenize(TEXTS))
    assert torch.equal(found, wanted) and torch.equal(mask, wanted_mask), "without a store it is audiocraft's"

    store = TextStore(tmp_path, ours.identity)
    for bucket, new in store.missing([text for text in TEXTS if text]).items():
        store.add(bucket, new, ours.encode)
    prompts = [EncodedText(text, store.find(text)) if text else None for text in TEXTS]
    calls: list[list[str]] = []
    encode = ours.encode
    monkeypatch.setattr(ours, "encode", lambda texts: calls.append(texts) or encode(texts))
    found, mask = ours(ours.tokenize(prompts))
    assert not calls, "T5 does not run"
    torch.testing.assert_close(found, wanted, rtol=0, atol=2e-3)
    assert torch.equal(mask, wanted_mask) and found.requires_grad

    again, again_mask = ours(ours.tokenize([EncodedText("never seen"), None]))
    wanted, wanted_mask = stock(stock.tokenize(["never seen", None]))
    torch.testing.assert_close(again, wanted, rtol=0, atol=2e-3)
    assert torch.equal(again_mask, wanted_mask) and calls == [["never seen"]]


@pytest.mark.usefixtures("hub_home")
def test_dropped_words_are_not_looked_up() -> None:
    """Word dropout makes other texts in every step: then T5 runs, in training alone."""
    conditioner = _conditioner(StoredT5Conditioner)
    conditioner.word_dropout = 0.5
    prompt = EncodedText("a calm piece", torch.zeros(4, 768))
    assert "input_ids" in conditioner.tokenize([prompt])
    assert "texts" in conditioner.eval().tokenize([prompt])


@pytest.mark.usefixtures("hub_home")
def test_other_weights_have_other_states() -> None:
    one, other = _conditioner(StoredT5Conditioner), _conditioner(StoredT5Conditioner)
    assert one.identity == other.identity
    with torch.no_grad():
        next(other.t5.parameters()).add_(1.0)
    assert one.identity != other.identity
