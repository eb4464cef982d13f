"""What runs need of published models, where it is looked for, and what is said when it is not there."""

import io
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from dataset_builder.errors import UserError
from orchestrator_solver.bench import random_hub
from orchestrator_solver.configuration import preflight
from orchestrator_solver.configuration.overrides import composed
from orchestrator_solver.weights import hub

PAPERS = ["facebook/musicgen-melody", "t5-base", "adefossez/HTDemucs"]


@pytest.fixture(autouse=True)
def fresh() -> None:
    hub.reachable.cache_clear()


def test_needs_of_the_papers_run_and_of_the_nano_one() -> None:
    assert sorted(set(hub.needs_of(composed(["solver=orchestrator"])))) == sorted(set(PAPERS))
    for solver in ("orchestrator_nano", "nano_codec"):
        assert not list(hub.needs_of(composed([f"solver={solver}"])))


def test_a_resumed_run_does_not_read_what_it_began_from() -> None:
    cfg = OmegaConf.create(
        {"continue_from": "//pretrained/a/lm", "compression_model_checkpoint": "//pretrained/a/codec"}
    )
    assert list(hub.needs_of(cfg)) == ["a/lm", "a/codec"]
    assert list(hub.needs_of(cfg, resumed=True)) == ["a/codec"]


def test_what_a_path_or_a_debug_codec_names_is_no_need(tmp_path: Path) -> None:
    for name in (f"//pretrained/{tmp_path}", "//pretrained/debug_compression_model", "//sig/01234567"):
        assert not list(hub.needs_of(OmegaConf.create({"compression_model_checkpoint": name})))


@pytest.mark.parametrize("repo", PAPERS)
def test_missing_files_are_found_when_they_come(empty_hub: Path, repo: str) -> None:
    for name in hub.known(repo).files:
        with pytest.raises(UserError, match="hf download"):
            hub.require(repo)
        random_hub.put(empty_hub, repo, name if isinstance(name, str) else name[-1], Path.touch)
    hub.require(repo)


def test_the_older_htdemucs_is_enough(empty_hub: Path) -> None:
    hub.legacy_htdemucs().parent.mkdir(parents=True)
    hub.legacy_htdemucs().touch()
    hub.require("adefossez/HTDemucs")


def test_a_hub_that_does_not_answer(empty_hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # the port that discards: nobody listens
    with pytest.raises(UserError, match="does not answer"):
        hub.require("t5-base")


def test_a_tokenizer_of_sentencepiece_alone(empty_hub: Path) -> None:
    """T5's older publication has no tokenizer.json."""
    import sentencepiece
    from transformers import T5Tokenizer

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(random_hub.TEXT * 20), model_writer=written, vocab_size=40, pad_id=0, eos_id=1, unk_id=2,
        bos_id=-1, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    random_hub.put(empty_hub, "t5-base", "spiece.model", lambda path: path.write_bytes(written.getvalue()))
    random_hub.put(empty_hub, "t5-base", "config.json", lambda path: path.write_text('{"model_type": "t5"}'))
    tokens = T5Tokenizer.from_pretrained("t5-base")(["a calm piece", ""], padding=True)
    assert tokens["input_ids"][1][0] == 1 and len(tokens["input_ids"][0]) > 3


def test_a_key_of_wandb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert not preflight.wandb_can_log()
    (tmp_path / ".netrc").write_text(f"machine {preflight.WANDB_HOST} login user password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert preflight.wandb_can_log()
