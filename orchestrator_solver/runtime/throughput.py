"""How fast a stage goes and how much memory it takes: figures of the machine, beside those of the model."""

import time
from pathlib import Path

import torch

OF_THE_MACHINE = frozenset({"audio_per_second", "memory_gib", "duration"})


def memory_gib() -> float:
    """The most memory that this process has had: of its GPU if it has one, else of the machine (Linux only, or 0)."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    kilobytes = next((line.split()[1] for line in lines if line.startswith("VmHWM")), "0")
    return int(kilobytes) / 2**20


class Pace:
    """Seconds of audio that are trained on in a second.

    Args:
        audio_per_step: seconds of audio in the batch of all processes.
    """

    def __init__(self, audio_per_step: float) -> None:
        self.audio_per_step, self.steps = audio_per_step, 0
        self.begin = time.monotonic()

    def step(self) -> None:
        """A step has ended."""
        self.steps += 1

    def figures(self) -> dict[str, float]:
        """Since the beginning."""
        seconds = max(time.monotonic() - self.begin, 1e-9)
        return {"audio_per_second": self.steps * self.audio_per_step / seconds, "memory_gib": memory_gib()}
