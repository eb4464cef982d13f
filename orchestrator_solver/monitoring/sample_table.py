"""What a run generates, beside what it was to follow and what stands in the data set, with prompt and scores."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import flashy
import numpy as np
import soundfile
import torch
from audiocraft.modules.conditioners import SegmentWithAttributes

from dataset_builder.errors import UserError
from dataset_builder.music.instruments import find_instruments
from dataset_builder.runtime import atomic

from ..metrics.clips import ClipMetric, Clips
from ..metrics.instruments import Instruments
from ..metrics.sim import Sim

FOLDER = "sample_tables"
AUDIO = ("reference", "output", "target")


@dataclass(frozen=True)
class Sample:
    """One row.

    Attributes:
        item: of the target.
        start: of the excerpt, in seconds.
        prompt: as the model was given it.
        sim: of the output against the reference; None where that is silent.
        instruments: F1 of those that the prompt names; None if the recogniser was taught none of them, and for silence.
        reference: file that the model was to follow, relative to the table.
        output: file that it played.
        target: file of what stands in the data set.
    """

    item: str
    start: float
    prompt: str
    sim: float | None
    instruments: float | None
    reference: str
    output: str
    target: str


class SampleTable:
    """Collects what is generated in an epoch, by one process, and writes it to `FOLDER/EPOCH/`.

    Args:
        folder: of the run.
        epoch: counted from 1.
        rank: of the process, each of which has a table of its own.
        sample_rate: of all audio, in Hz.
    """

    def __init__(self, folder: Path, epoch: int, rank: int, sample_rate: int) -> None:
        self.folder = folder / FOLDER / f"{epoch:04d}"
        self.rank, self.sample_rate = rank, sample_rate
        self.rows: list[tuple[SegmentWithAttributes, dict[str, np.ndarray]]] = []

    def add(self, infos: Sequence[SegmentWithAttributes], output: torch.Tensor, target: torch.Tensor) -> None:
        """Add a batch: outputs and targets `[B, 1, T]`; each reference is the melody condition of its info."""
        for info, played, wanted in zip(infos, output, target, strict=True):
            reference = info.self_wav.wav[0]
            sounds = dict(zip(AUDIO, (reference, played, wanted), strict=True))
            self.rows.append((info, {name: wav[0].detach().float().cpu().numpy() for name, wav in sounds.items()}))

    def write(self) -> list[Sample]:
        """Score the rows and write them, with their audio; returns them."""
        scores = self._scores(Sim()), self._scores(Instruments())
        samples = []
        for number, (info, sounds) in enumerate(self.rows):
            names = {name: f"{self.rank}_{number:03d}_{name}.flac" for name in AUDIO}
            for name, wav in sounds.items():
                with atomic.replacing(self.folder / names[name]) as temporary:
                    whole = np.nan_to_num(np.clip(wav, -1.0, 1.0))  # FLAC has no NaN
                    soundfile.write(temporary, whole, self.sample_rate, subtype="PCM_16")
            sim, heard = (values[number] for values in scores)
            samples.append(Sample(str(info.meta.path), float(info.seek_time), _prompt(info), sim, heard, **names))
        lines = "".join(json.dumps(asdict(sample), ensure_ascii=False) + "\n" for sample in samples)
        atomic.write_text(self.folder / f"{self.rank}.jsonl", lines)
        return samples

    def _scores(self, metric: ClipMetric) -> list[float | None]:
        if not self.rows:
            return []
        sounds = [row for _, row in self.rows]
        prompts = [_prompt(info) for info, _ in self.rows]
        clips = Clips(
            [row["output"] for row in sounds], [row["target"] for row in sounds], [row["reference"] for row in sounds],
            [asked_for(prompt) for prompt in prompts], prompts, self.sample_rate,
        )  # fmt: skip
        try:
            values = metric(clips)
        except UserError:  # NaN was played: no score, and the run goes on
            return [None] * len(self.rows)
        return [None if math.isnan(value) else round(float(value), 4) for value in values]


def _prompt(info: SegmentWithAttributes) -> str:
    return info.description or ""


def asked_for(prompt: str) -> tuple[str, ...]:
    """The classes of the instruments that a prompt asks for: their names are at its end."""
    return find_instruments(prompt.rpartition("Instruments: ")[2])


def of_all_processes(samples: Sequence[Sample]) -> list[Sample]:
    """What all processes have sampled, process by process, in each of them; their audio is in the same folder."""
    if not flashy.distrib.is_distributed():
        return list(samples)
    gathered: list[Any] = [None] * flashy.distrib.world_size()
    torch.distributed.all_gather_object(gathered, list(samples))
    return [sample for of_one in gathered for sample in of_one]
