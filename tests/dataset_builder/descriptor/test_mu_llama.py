"""Captions by a process that speaks MU-LLaMA's lines: asked line by line, kept, and its faults."""

import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from dataset_builder.descriptor.captions import mu_llama
from dataset_builder.descriptor.captions.captioner import CaptionError
from dataset_builder.descriptor.captions.mu_llama import MuLlamaCaptioner
from dataset_builder.errors import UserError

pytestmark = pytest.mark.usefixtures("caption_cache")
RATE = 16_000
WAV = (0.2 * np.sin(np.arange(RATE) * 0.1)).astype(np.float32)


# Speaks the lines of mu_llama_process.py, says how long its audio was, and has the fault that is filled in.
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


def command(tmp_path: Path, fault: str = "") -> str:
    path = tmp_path / "process.py"
    path.write_text(PROCESS.format(fault=fault))
    return shlex.join([sys.executable, str(path)])


def test_mu_llama_is_asked_line_by_line(tmp_path: Path) -> None:
    captioner = MuLlamaCaptioner(command(tmp_path))
    assert captioner.caption(WAV, RATE).text == "Describe the Audio: 1 s of music."
    assert captioner.caption(np.tile(WAV, 70), RATE).text == "Describe the Audio: 60 s of music."  # it takes no more
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
