"""A language model describes single items: kept answers, refusals, other models, answers that name instruments."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.chat_server import GOOD, ChatServer

from dataset_builder.descriptor.describers import ChatDescriber
from dataset_builder.errors import UserError
from dataset_builder.items.facts import Facts
from dataset_builder.llm.description_prompt import format_input
from dataset_builder.llm.settings import ChatSettings

FACTS = Facts("Track00001-mix", "A calm piano piece.", None, 79.6, "E- major")


@pytest.fixture
def settings(server: ChatServer, tmp_path: Path) -> ChatSettings:
    return ChatSettings(base_url=server.url, cache=tmp_path / "answers", backoff=0.001, attempts=3, timeout=5.0)


def test_an_answer_is_kept_and_never_asked_for_again(
    server: ChatServer, settings: ChatSettings, tmp_path: Path
) -> None:
    server.replies = [" A calm piece\nin E-flat major. "]
    assert ChatDescriber(settings).describe(FACTS) == "A calm piece in E-flat major."
    assert ChatDescriber(settings).describe(FACTS) == "A calm piece in E-flat major."
    assert len(server.asked) == 1 and server.keys == {"Bearer sk-secret"}
    assert server.asked[0]["model"] == "gpt-4o"
    assert server.asked[0]["messages"] == [{"role": "user", "content": format_input(FACTS)}]
    kept = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "E-flat" in kept and "sk-secret" not in kept


def test_a_refusal_is_told_and_may_be_asked_again(server: ChatServer, settings: ChatSettings) -> None:
    server.replies = [("refusal",)]
    with pytest.raises(UserError, match=r"the model refuses.*; run it again"):
        ChatDescriber(settings).describe(FACTS)
    assert ChatDescriber(settings).describe(FACTS) == GOOD


def test_another_model_is_another_question(server: ChatServer, settings: ChatSettings) -> None:
    server.replies = ["One.", "Two."]
    assert ChatDescriber(settings).describe(FACTS) == "One."
    assert ChatDescriber(replace(settings, model="gpt-5")).describe(FACTS) == "Two."


def test_an_answer_with_instruments_is_asked_for_once_more(server: ChatServer, settings: ChatSettings) -> None:
    server.replies = ["A calm piano piece.", "A calm piece."]
    assert ChatDescriber(settings).describe(FACTS) == "A calm piece."
    assert [message["role"] for message in server.asked[1]["messages"]] == ["user", "assistant", "user"]
    assert "piano" in server.asked[1]["messages"][2]["content"]


def test_then_it_is_cleaned(server: ChatServer, settings: ChatSettings) -> None:
    server.replies = ["A piano piece.", "A calm, slow piano piece with violins."]
    assert ChatDescriber(settings).describe(FACTS) == "A calm, slow piece."


def test_without_a_key_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(UserError, match="need OPENAI_API_KEY"):
        ChatDescriber()
