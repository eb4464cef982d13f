"""The page's server in a thread of the test, on a port of loopback, with a model that plays tunes back."""

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import soundfile
import torch
from support.echo_model import EchoModel

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before Gradio is imported

import uvicorn

from orchestrator_solver.generation.model import Progress
from orchestrator_solver.generation.orchestrator import Orchestrator
from orchestrator_solver.generation.reference_audio import ReferenceAudio
from orchestrator_solver.generation.sampling import SamplingSettings
from orchestrator_solver.serving.server import application
from orchestrator_solver.serving.wish import Limits

RATE = 16_000


class SlowModel(EchoModel):
    """Takes its time, in steps of a twentieth, and knows how many play at once and how often it was stopped."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(noise=0.1)
        self.seconds, self.playing, self.most, self.stopped = seconds, 0, 0, 0

    def generate(
        self, prompts: Sequence[str | None], references: Sequence[ReferenceAudio], seconds: float,
        sampling: SamplingSettings, progress: Progress | None = None, seeds: Sequence[int] | None = None,
    ) -> torch.Tensor:  # fmt: skip
        self.playing += 1
        self.most = max(self.most, self.playing)
        try:
            for step in range(20):
                time.sleep(self.seconds / 20)
                if progress:
                    progress(step / 20)
            return super().generate(prompts, references, seconds, sampling, None, seeds)
        except Exception:
            self.stopped += 1
            raise
        finally:
            self.playing -= 1

    def stream(
        self, prompts: Sequence[str | None], references: Sequence[ReferenceAudio], seconds: float,
        sampling: SamplingSettings, progress: Progress | None = None,
    ) -> Iterator[torch.Tensor]:  # fmt: skip
        """In quarters."""
        yield from self.generate(prompts, references, seconds, sampling, progress).chunk(4, dim=-1)


@contextmanager
def served(model: EchoModel, limits: Limits | None = None) -> Iterator[str]:
    """The server's address."""
    app = application(Orchestrator(model), limits or Limits())
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listening.close()


def tune(path: Path, seconds: float = 3.0) -> Path:
    """A scale, written as a wav file."""
    time_of = np.arange(round(seconds * RATE)) / RATE
    hertz = 440 * 2 ** (np.floor(4 * time_of) % 5 / 12)
    soundfile.write(path, (0.3 * np.sin(2 * np.pi * np.cumsum(hertz) / RATE)).astype(np.float32), RATE)
    return path


def upload(address: str, path: Path, name: str | None = None) -> httpx.Response:
    """Send a file as a browser does."""
    with path.open("rb") as file:
        return httpx.post(f"{address}/gradio_api/upload", files={"files": (name or path.name, file)}, timeout=60)


def wait_until(true: object, seconds: float = 20.0) -> bool:
    """Whether a function comes true in this time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False
