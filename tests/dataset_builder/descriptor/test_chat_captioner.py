"""Captions by an audio language model behind a chat endpoint on loopback."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.chat_server import ChatServer

from dataset_builder.descriptor.captions import chat_captioner
from dataset_builder.descriptor.captions.captioner import CaptionError
from dataset_builder.descriptor.captions.chat_captioner import ChatCaptioner
from dataset_builder.descriptor.captions.registry import CaptionSettings, audio_llm_settings
from dataset_builder.errors import UserError

pytestmark = pytest.mark.usefixtures("caption_cache")
RATE = 16_000
WAV = (0.2 * np.sin(np.arange(RATE) * 0.1)).astype(np.float32)


def captioner_of(server: ChatServer, **limits: object) -> ChatCaptioner:
    return ChatCaptioner(
        audio_llm_settings(CaptionSettings("chat", url=server.url, model="omni"), backoff=0.001, **limits)
    )


def test_the_model_is_sent_the_audio(server: ChatServer) -> None:
    server.replies = ["A calm\nsine."]
    captioner = captioner_of(server)
    assert captioner.caption(WAV, RATE).text == "A calm sine."
    assert captioner.caption(WAV.copy(), RATE).text == "A calm sine." and len(server.asked) == 1  # by its content
    assert captioner.caption(WAV * 0.5, RATE).text != "A calm sine."  # another sound
    part = server.asked[0]["messages"][0]["content"][1]["input_audio"]
    sent, rate = soundfile.read(io.BytesIO(base64.b64decode(part["data"])))
    assert rate == RATE and np.abs(sent - WAV).max() < 1e-4 and server.asked[0]["model"] == "omni"


def test_a_server_that_hears_is_sent_nothing_of_openais(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = {"OPENAI_ORG_ID": "org-mine", "OPENAI_PROJECT_ID": "proj-mine", "OPENAI_CUSTOM_HEADERS": "X-Mine: so-mine"}
    for name, value in {**theirs, "CAPTION_API_KEY": "sk-of-ears"}.items():
        monkeypatch.setenv(name, value)
    assert captioner_of(server).caption(WAV, RATE).text
    assert server.keys == {"Bearer sk-of-ears"} and not any("mine" in header for header in server.headers)


@pytest.mark.parametrize("reply", [(400, {}), None, ("refusal",), "I'm sorry, I can't hear it."], ids=str)
def test_a_clip_without_answer_is_a_caption_error_and_not_kept(
    server: ChatServer, reply: object, caption_cache: Path
) -> None:
    server.replies = [reply]
    captioner = captioner_of(server, attempts=1)
    with pytest.raises(CaptionError):
        captioner.caption(WAV, RATE)
    assert not caption_cache.exists() and captioner.caption(WAV, RATE).text


def test_an_unknown_model_stops(server: ChatServer) -> None:
    server.replies = [(404, {})]
    with pytest.raises(UserError, match="does not know 'omni'"):
        captioner_of(server).caption(WAV, RATE)


@pytest.mark.parametrize(("decides", "value"), [("QUESTION", "What do you hear?"), ("MAX_TOKENS", 7)])
def test_the_model_is_asked_again_by_other_settings(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, decides: str, value: object
) -> None:
    server.replies = ["One.", "Two.", "Three."]
    assert captioner_of(server).caption(WAV, RATE).text == "One."
    other = ChatCaptioner(audio_llm_settings(CaptionSettings("chat", url=server.url, model="flamingo")))
    assert other.caption(WAV, RATE).text == "Two."
    monkeypatch.setattr(chat_captioner, decides, value)
    assert captioner_of(server).caption(WAV, RATE).text == "Three."
