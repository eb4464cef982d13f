"""A solver that shows what it does: scalars between epochs too, time left, and tables of what it generates."""

from typing import Any

import flashy
from audiocraft.solvers.base import StandardSolver

from .sample_table import SampleTable, show_at_tensorboard, wandb_table
from .stage_progress import TimeLeftBar

STEPS = "steps"  # prefix of scalars by update


class MonitoredSolver(StandardSolver):
    """What is logged beside audiocraft's summary of each stage, to every logger that is on."""

    def log_progress(self, stage_name: str, iterable: Any, total: int | None = None, updates: int = 5) -> TimeLeftBar:
        """The stage's batches, with lines or a bar that say how far it is."""
        name = f"{stage_name.capitalize()} | Epoch {self.epoch}"
        return TimeLeftBar(
            self.logger, iterable, updates=updates, total=total, name=name, delimiter="|", formatter=self.formatter
        )

    def log_steps(self, metrics: dict[str, float], update: int) -> None:
        """Log means of some steps, by the number of the update at their end."""
        for logger in self._loggers().values():
            logger.log_metrics(STEPS, metrics, update)

    def log_samples(self, table: SampleTable) -> dict[str, float]:
        """Write a table of samples, and show it at wandb and TensorBoard, with audio if media are on.

        Returns:
            Its mean scores.
        """
        samples = table.write()
        board = self._loggers().get("tensorboard")
        if board is not None and board.with_media_logging and flashy.distrib.is_rank_zero():
            show_at_tensorboard(board, samples, table.folder, self.epoch)
        wandb_logger = self._loggers().get("wandb")
        if wandb_logger is not None and flashy.distrib.is_rank_zero():
            audio = table.folder if wandb_logger.with_media_logging else None
            wandb_logger.log_metrics("samples", {"table": wandb_table(samples, audio)}, self.epoch)
        means = {}
        for name in ("sim", "instruments"):
            found = [value for value in (getattr(sample, name) for sample in samples) if value is not None]
            if found:
                means[name] = sum(found) / len(found)
        return means

    def _loggers(self) -> dict[str, Any]:
        return self.result_logger._experiment_loggers
