"""A solver that shows what it does: scalars between epochs too, time left, and tables of what it generates."""

from typing import Any

import flashy
from audiocraft.solvers.base import StandardSolver

from ..evaluation.table import Table
from .boards import SHOW_SAMPLES, SHOW_TABLE1
from .sample_table import SampleTable, of_all_processes
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
        """Write a table of samples, and show those of all processes on the boards, with audio if media are on.

        Returns:
            Mean scores, of all processes.
        """
        samples = of_all_processes(table.write())
        for name, logger in self._boards().items():
            SHOW_SAMPLES[name](logger, samples, table.folder, self.epoch)
        means = {}
        for name in ("sim", "instruments"):
            found = [value for value in (getattr(sample, name) for sample in samples) if value is not None]
            if found:
                means[name] = sum(found) / len(found)
        return means

    def log_table1(self, table: Table) -> None:
        """Show Table 1 with its intervals, beside the means that the stage `evaluate` logs."""
        for name, logger in self._boards().items():
            SHOW_TABLE1[name](logger, table, self.epoch)

    def _boards(self) -> dict[str, Any]:
        """wandb and TensorBoard, as far as they are on and this process is who tells them."""
        shown = self._loggers() if flashy.distrib.is_rank_zero() else {}
        return {name: logger for name, logger in shown.items() if name in SHOW_SAMPLES}

    def _loggers(self) -> dict[str, Any]:
        return self.result_logger._experiment_loggers
