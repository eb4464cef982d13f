"""What a user waits for: a second of music, eight takes in place of one, the first sound of a stream; and the memory.

Everything is played by one model, in turns; memory is the peak of processes of their own.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dataset_builder.bench.measurement import Report

from ...generation.model import OrchestratorModel
from ...generation.reference_audio import ReferenceAudio
from ...generation.sampling import SamplingSettings
from .child import run_child

CANDIDATES, TAKE, LONG = 8, 8.0, 60.0  # takes, seconds of each, seconds of a stream
MEMORY = (60, 600)  # seconds of the pieces whose memory is compared
_RATE = 32_000
_PROMPT = "violin, cello, drums"
_PEAK = """
import resource, sys
from orchestrator_solver.bench.speed.playing import streamed
streamed(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@dataclass(frozen=True)
class PlayingReport(Report):
    """Medians over turns.

    Attributes:
        model: who played.
        real_time: seconds that a second of one take took.
        candidates: time of eight takes at once over that of one.
        first_sound: share of a stream's time after which its first piece was there.
        memory: peak MiB of playing a minute, and ten, as a stream.
    """

    model: str
    real_time: float
    candidates: float
    first_sound: float
    memory: tuple[int, int]

    def text(self) -> str:
        """The report for a terminal."""
        short, long = self.memory
        return "\n".join(
            [
                f"{self.model}: a second of music takes {self.real_time:.2f} s",
                f"{CANDIDATES} takes at once take {self.candidates:.2f} times as long as one",
                f"of {LONG:.0f} s that are streamed, the first sound is there after {self.first_sound:.1%} of the time",
                f"memory: {short} MiB for {MEMORY[0]} s, {long} MiB for {MEMORY[1]} s: {long / short:.2f} times",
            ]
        )


def bench_playing(model: OrchestratorModel, turns: int, threads: int) -> PlayingReport:
    """Measure all of it.

    Args:
        model: who plays, by a name that another process can load.
        turns: in which one take, eight, and a stream are played.
        threads: of torch in the processes whose memory is measured.
    """
    real_time, candidates, first = [], [], []
    for _ in tqdm(range(turns), "playing", unit="turn"):
        one = _seconds(lambda: _played(model, 1))
        real_time.append(one / TAKE)
        candidates.append(_seconds(lambda: _played(model, CANDIDATES)) / one)
        first.append(_share_of_first(model))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _PEAK, model.name]
        children = [run_child([*command, str(seconds), str(threads)], Path(folder)) for seconds in MEMORY]
    short, long = (int(child.stdout.split()[-1]) // 1024 for child in children)
    return PlayingReport(
        model.title, statistics.median(real_time), statistics.median(candidates), statistics.median(first),
        memory=(short, long),
    )  # fmt: skip


def streamed(name: str, seconds: float, threads: int) -> None:
    """Play so many seconds, of which nothing is kept."""
    import torch

    from ...generation.model import load_model

    torch.set_num_threads(threads)
    for _ in load_model(name).stream([_PROMPT], [_tune(seconds)], seconds, SamplingSettings()):
        pass


def _tune(seconds: float) -> ReferenceAudio:
    """A scale of half seconds."""
    turns = np.arange(_RATE // 2, dtype=np.float32) * (2 * np.pi * 262.0 / _RATE)
    notes = [0.3 * np.sin(turns * np.float32(2 ** (step / 12))) for step in (0, 2, 4, 5, 7, 9, 11, 12)]
    return ReferenceAudio(np.resize(np.concatenate(notes), round(seconds * _RATE)), _RATE, one_stem=True)


def _played(model: OrchestratorModel, takes: int) -> None:
    tune = _tune(TAKE)
    model.generate([_PROMPT] * takes, [tune] * takes, TAKE, SamplingSettings(), seeds=range(takes))


def _share_of_first(model: OrchestratorModel) -> float:
    begun, ticks = time.perf_counter(), []
    for _ in model.stream([_PROMPT], [_tune(LONG)], LONG, SamplingSettings()):
        ticks.append(time.perf_counter() - begun)
    return ticks[0] / ticks[-1]


def _seconds(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
