"""Captioners other than musicnn: a chat endpoint on loopback, a process that speaks MU-LLaMA's lines, a table."""

import base64
import io
import json
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.chat_server import ChatServer

from dataset_builder.__main__ import main
from dataset_builder.dataset import manifest
from dataset_builder.descriptor.captions import cache, mu_llama
from dataset_builder.descriptor.captions import chat_captioner as hearing
from dataset_builder.descriptor.captions.captioner import CaptionError
from dataset_builder.descriptor.captions.chat_captioner import ChatCaptioner
from dataset_builder.descriptor.captions.mu_llama import MuLlamaCaptioner
from dataset_builder.descriptor.captions.registry import CaptionSettings, audio_llm_settings, build_captioner
from dataset_builder.descriptor.captions.table_captioner import TableCaptioner
from dataset_builder.errors import UserError

RATE = 16_000
WAV = (0.2 * np.sin(np.arange(RATE) * 0.1)).astype(np.float32)

# Speaks the lines of mu_llama_process.py, says how long what it heard was, and has the fault that is filled in.
PROCESS = """
import json, sys, wave
print("loading weights ...", flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    with wave.open(asked["wav"]) as file:
        seconds = file.getnframes() / file.getframerate()
    if "{fault}" == "dies":
        sys.exit(1)
    if "{fault}" == "error":
        print(json.dumps({{"error": "out of memory"}}), flush=True)
    elif "{fault}" == "nothing":
        print(json.dumps({{"caption": " "}}), flush=True)
    elif "{fault}" == "torn":
        print('{{"capt', flush=True)
    elif "{fault}" == "hangs":
        sys.stdin.read()
    else:
        print(json.dumps({{"caption": f"{{asked['question']}}: {{seconds:.0f}} s of music."}}), flush=True)
"""


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(cache, "FOLDER", tmp_path / "captions")
    return tmp_path / "captions"


def chat_captioner(server: ChatServer, **limits: object) -> ChatCaptioner:
    return ChatCaptioner(
        audio_llm_settings(CaptionSettings("chat", url=server.url, model="omni"), backoff=0.001, **limits)
    )


def command(tmp_path: Path, fault: str = "") -> str:
    path = tmp_path / "process.py"
    path.write_text(PROCESS.format(fault=fault))
    return shlex.join([sys.executable, str(path)])


def test_a_model_that_hears_is_sent_the_audio(server: ChatServer) -> None:
    server.replies = ["A calm\nsine."]
    captioner = chat_captioner(server)
    assert captioner.caption(WAV, RATE).text == "A calm sine."
    assert captioner.caption(WAV.copy(), RATE).text == "A calm sine." and len(server.asked) == 1  # by its content
    assert captioner.caption(WAV * 0.5, RATE).text != "A calm sine."  # another sound
    part = server.asked[0]["messages"][0]["content"][1]["input_audio"]
    heard, rate = soundfile.read(io.BytesIO(base64.b64decode(part["data"])))
    assert rate == RATE and np.abs(heard - WAV).max() < 1e-4 and server.asked[0]["model"] == "omni"


@pytest.mark.parametrize("reply", [(400, {}), None, ("refusal",), "I'm sorry, I can't hear it."], ids=str)
def test_a_clip_without_answer_is_a_caption_error_and_not_kept(server: ChatServer, reply: object, kept: Path) -> None:
    server.replies = [reply]
    captioner = chat_captioner(server, attempts=1)
    with pytest.raises(CaptionError):
        captioner.caption(WAV, RATE)
    assert not kept.exists() and captioner.caption(WAV, RATE).text


def test_an_unknown_model_stops(server: ChatServer) -> None:
    server.replies = [(404, {})]
    with pytest.raises(UserError, match="does not know 'omni'"):
        chat_captioner(server).caption(WAV, RATE)


def test_mu_llama_is_asked_line_by_line(tmp_path: Path) -> None:
    captioner = MuLlamaCaptioner(command(tmp_path))
    assert captioner.caption(WAV, RATE).text == "Describe the Audio: 1 s of music."
    assert captioner.caption(np.tile(WAV, 70), RATE).text == "Describe the Audio: 60 s of music."  # it hears no more
    captioner.close()
    assert MuLlamaCaptioner("no such program").caption(WAV, RATE).text == "Describe the Audio: 1 s of music."  # kept


@pytest.mark.parametrize("decides", ["QUESTION", "SAMPLING", "MODEL"])
def test_mu_llama_of_other_settings_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decides: str
) -> None:
    def said() -> str:
        captioner = MuLlamaCaptioner(command(tmp_path))
        text = captioner.caption(WAV, RATE).text
        captioner.close()
        return text

    first = said()
    monkeypatch.setattr(mu_llama, decides, "What do you hear")
    monkeypatch.setitem(globals(), "PROCESS", PROCESS.replace(" of music", ""))
    assert said() != first


@pytest.mark.parametrize(("decides", "value"), [("QUESTION", "What do you hear?"), ("MAX_TOKENS", 7)])
def test_a_model_that_hears_is_asked_again_by_other_settings(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, decides: str, value: object
) -> None:
    server.replies = ["One.", "Two.", "Three."]
    assert chat_captioner(server).caption(WAV, RATE).text == "One."
    other = ChatCaptioner(audio_llm_settings(CaptionSettings("chat", url=server.url, model="flamingo")))
    assert other.caption(WAV, RATE).text == "Two."
    monkeypatch.setattr(hearing, decides, value)
    assert chat_captioner(server).caption(WAV, RATE).text == "Three."


@pytest.mark.parametrize(("fault", "error"), [("error", "out of memory"), ("nothing", "says nothing")])
def test_mu_llama_fails_on_a_clip(tmp_path: Path, fault: str, error: str) -> None:
    captioner = MuLlamaCaptioner(command(tmp_path, fault))
    with pytest.raises(CaptionError, match=error):
        captioner.caption(WAV, RATE)
    captioner.close()


@pytest.mark.parametrize(("fault", "error"), [("dies", "ended"), ("torn", "out of step"), ("hangs", "ended")])
def test_mu_llamas_process_fails(tmp_path: Path, fault: str, error: str) -> None:
    captioner = MuLlamaCaptioner(command(tmp_path, fault), patience=1.0)
    with pytest.raises(UserError, match=error):
        captioner.caption(WAV, RATE)


def test_the_process_we_ship_speaks_the_same_lines() -> None:
    text = Path(mu_llama.__file__).with_name("mu_llama_process.py").read_text()
    assert all(word in text for word in ('asked["wav"]', 'asked["question"]', '{"caption":', '{"error":'))


@pytest.mark.parametrize(
    ("settings", "error"),
    [(CaptionSettings("claude"), "unknown captioner"), (CaptionSettings("chat"), "--caption-url"),
     (CaptionSettings("mu-llama"), "--caption-command"), (CaptionSettings("table"), "--caption-table"),
     (CaptionSettings("table", table=Path("/nowhere")), "no table of captions")],
)  # fmt: skip
def test_what_a_captioner_lacks_is_said(settings: CaptionSettings, error: str) -> None:
    with pytest.raises(UserError, match=error):
        build_captioner(settings)
    assert build_captioner(CaptionSettings("none")) is None


@pytest.mark.parametrize("text", ["no json", "[]", '{"item": "a"}'])
def test_a_broken_table_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "table.jsonl").write_text(text)
    with pytest.raises(UserError, match="expected lines such as"):
        TableCaptioner(tmp_path / "table.jsonl")


def test_a_data_set_with_captions_from_a_table(tiny_slakh: Path, tmp_path: Path) -> None:
    table, out = tmp_path / "table.jsonl", tmp_path / "out"
    table.write_text(json.dumps({"item": "Track00001-mix", "caption": "Slow strings."}) + "\n")
    arguments = ["build", "--source", "slakh", "--root", str(tiny_slakh), "--out", str(out), "--workers", "1",
                 "--captions", "table", "--caption-table", str(table)]  # fmt: skip
    assert main(arguments) == 0
    items = {item.id: item for split in manifest.SPLITS for item in manifest.load(out, split)}
    assert items["Track00001-mix"].caption == "Slow strings." and items["Track00001-S00"].caption is None
    assert (out / "left_out.jsonl").read_text().count("table.jsonl has no line of it") == len(items) - 1
    table.write_text("".join(json.dumps({"item": name, "caption": "Slow."}) + "\n" for name in items))
    assert main(arguments) == 0  # what was missing is read again
    assert {item.caption for split in manifest.SPLITS for item in manifest.load(out, split)} == {"Slow."}
