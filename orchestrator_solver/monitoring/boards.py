"""Samples and Table 1 as wandb and TensorBoard show them: the same content in both."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import soundfile
import torch

from ..evaluation.table import Table
from ..evaluation.table_formats import to_markdown
from .sample_table import AUDIO, Sample

FACTS = ("item", "start", "prompt", "sim", "instruments")


def _samples_at_wandb(logger: Any, samples: Sequence[Sample], folder: Path, epoch: int) -> None:
    table = wandb_table(samples, folder if logger.with_media_logging else None)
    logger.log_metrics("samples", {"table": table}, epoch)


def wandb_table(samples: Sequence[Sample], folder: Path | None) -> Any:
    """The rows as a table of Weights and Biases; with the folder of their audio, to be played."""
    import wandb

    heard = AUDIO if folder else ()
    rows = [
        [getattr(sample, name) for name in FACTS] + [wandb.Audio(f"{folder}/{getattr(sample, name)}") for name in heard]
        for sample in samples
    ]
    return wandb.Table(columns=[*FACTS, *heard], data=rows)


def _samples_at_tensorboard(logger: Any, samples: Sequence[Sample], folder: Path, epoch: int) -> None:
    """Prompt and scores of each row as text, and its audio if media are on, under the number of the row."""
    for number, sample in enumerate(samples):
        if logger.with_media_logging:
            for name in AUDIO:
                wav, rate = soundfile.read(folder / getattr(sample, name), dtype="float32")
                key, sound = f"{number:02d}_{name}", torch.from_numpy(wav)[None]
                logger.log_audio(prefix="samples", key=key, audio=sound, sample_rate=rate, step=epoch)
        facts = "\n".join(f"- {name}: {value}" for name, value in asdict(sample).items() if name in FACTS)
        logger.writer.add_text(f"samples/{number:02d}", facts, epoch)  # flashy's log_text wants media to be on


def _table1_at_wandb(logger: Any, table: Table, epoch: int) -> None:
    import wandb

    rows = [[line.label, line.policy, *(line.text(column.name) for column in table.columns)] for line in table.lines]
    head: list[str | int] = ["row", "reference", *(column.heading for column in table.columns)]
    logger.log_metrics("evaluate", {"table1": wandb.Table(columns=head, data=rows)}, epoch)


def _table1_at_tensorboard(logger: Any, table: Table, epoch: int) -> None:
    logger.writer.add_text("evaluate/table1", to_markdown(table), epoch)


SHOW_SAMPLES: dict[str, Callable[[Any, Sequence[Sample], Path, int], None]] = {
    "wandb": _samples_at_wandb, "tensorboard": _samples_at_tensorboard,
}  # fmt: skip
SHOW_TABLE1: dict[str, Callable[[Any, Table, int], None]] = {
    "wandb": _table1_at_wandb, "tensorboard": _table1_at_tensorboard,
}  # fmt: skip
