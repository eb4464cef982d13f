"""Captions by MU-LLaMA, the paper's captioner, in a process and an environment of its own.

MU-LLaMA (https://github.com/shansongliu/MU-LLaMA, GPL-3.0) pins old packages, wants some 28 GB of GPU memory and
LLaMA-2's weights, and so is never imported here: a process is started and asked by lines of JSON. `--caption-command`
says how, for instance `bash -c 'cd MU-LLaMA && exec ENV/bin/python mu_llama_process.py --llama_dir ckpts/LLaMA'`, with
the shipped `mu_llama_process.py`; on this machine, since it reads the clips from files. Each worker starts one: use
--workers 1 where memory holds one model.
"""

import json
import shlex
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from ...errors import UserError
from ...runtime.untrusted import parse_json
from .cache import cached_captions
from .captioner import Caption, CaptionError

QUESTION = "Describe the Audio"  # the demo's
SAMPLING = "temperature 0.6, top_p 0.8, 512 tokens"  # of mu_llama_process.py
MODEL = "MU-LLaMA 7B"  # its published checkpoint
SECONDS = 60.0  # of which it takes no more


class MuLlamaCaptioner:
    """Asks a process: a line `{"wav": PATH, "question": TEXT}` in, a line `{"caption": TEXT}` or `{"error": TEXT}` out.

    Args:
        command: what starts the process; it is split as a shell does, but no shell runs it.
        model: which checkpoint the process loads: captions are kept by it.
        patience: seconds that an answer may take, the loading of the model included.
    """

    name = "mu-llama"
    seconds = SECONDS
    sample_rate = 24_000  # MERT's

    def __init__(self, command: str, model: str | None = None, patience: float = 900.0):
        self.command, self.patience = command, patience
        self.who = f"mu-llama {model or MODEL}, {QUESTION}, {SAMPLING}"
        self._process: subprocess.Popen[str] | None = None

    def captions(self, wavs: Sequence[np.ndarray], sample_rate: int) -> list[Caption]:
        """Captions of clips, one by one."""
        return [self.caption(wav, sample_rate) for wav in wavs]

    def caption(self, wav: np.ndarray, sample_rate: int) -> Caption:
        """What MU-LLaMA says of the first 60 s of `wav` `[T]`.

        Raises:
            UserError: if the process cannot be started, ends, or says nothing in time.
            CaptionError: if it reports an error of this clip.
        """
        if not len(wav):
            raise UserError("there is no audio to caption: expected at least one sample")
        clip = wav[: round(SECONDS * sample_rate)]
        return cached_captions(self.who, [clip], sample_rate, lambda _: [self._ask(clip, sample_rate)])[0]

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _ask(self, wav: np.ndarray, sample_rate: int) -> Caption:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "clip.wav"
            soundfile.write(path, wav, sample_rate, subtype="PCM_16")
            answer = self._exchange(json.dumps({"wav": str(path), "question": QUESTION}))
        if "error" in answer:
            raise CaptionError(f"MU-LLaMA: {' '.join(str(answer['error']).split())[:200]}")
        text = " ".join(str(answer.get("caption") or "").split())
        if not text:
            raise CaptionError("MU-LLaMA says nothing")
        return Caption(text, {})

    def _exchange(self, line: str) -> dict[str, object]:
        """Send a line, return the one that comes back."""
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        watch = threading.Timer(self.patience, process.kill)
        watch.start()
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            while answer := process.stdout.readline():
                if answer.startswith("{"):  # its libraries print to the same stream
                    return dict(parse_json(answer))
        except (OSError, ValueError) as error:
            self.close()
            raise UserError(f"MU-LLaMA's process ({self.command}) is out of step: {error}") from error
        finally:
            watch.cancel()
        self.close()
        raise UserError(f"MU-LLaMA's process ended without an answer: try `{self.command}` by itself")

    def _started(self) -> "subprocess.Popen[str]":
        if self._process is None:
            try:
                self._process = subprocess.Popen(
                    shlex.split(self.command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            except (OSError, ValueError) as error:
                raise UserError(f"--caption-command {self.command!r} cannot be started ({error})") from error
        return self._process
