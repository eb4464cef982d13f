"""Runs that nobody trained: histories and scores in folders of a grid's rows, as training and evaluation leave them."""

import json

import numpy as np

from orchestrator_solver.evaluation import table_formats
from orchestrator_solver.evaluation.rows import ClipScores
from orchestrator_solver.evaluation.table import Column
from orchestrator_solver.evaluation.tabulation import tabulate
from orchestrator_solver.workflows.sweep import rows as grids

SIM, KL = Column("sim", "SIM", True), Column("kl_musicnn", "KL", False)
WORKS = 12


def clips_of(mean: float, names: tuple[str, ...] = ("sim", "kl_musicnn"), works: int = WORKS) -> list[ClipScores]:
    """Of a run's own model and of an anchor, without and with description, two clips a work."""
    rng = np.random.default_rng(1)  # the same excerpts are as easy for all
    noise = rng.normal(0, 0.1, 2 * works)
    found = []
    for row, prompting in (("finetuned", "without"), ("finetuned", "with"), ("target", "")):
        for clip in range(2 * works):
            scores = dict.fromkeys(names, mean + noise[clip] + 0.02 * (clip % 3))
            found.append(ClipScores(f"item{clip}", 0.0, f"work{clip // 2}", row, prompting, "stem", scores))
    return found


def evaluated(row: grids.Row, mean: float, columns: tuple[Column, ...] = (SIM, KL)) -> None:
    """Leave in the run's folder what the end of training does."""
    table = tabulate(clips_of(mean, tuple(column.name for column in columns)), columns, resamples=20)
    table_formats.write(table, row.sheep.xp.folder / "evaluation")


def trained(row: grids.Row, losses: list[float]) -> None:
    """Leave a history in which training is 1 nat worse than these losses of validation."""
    history = [{"train": {"ce": ce + 1, "duration": 30.0}, "valid": {"ce": ce}} for ce in losses]
    row.sheep.xp.link.history_file.write_text(json.dumps(history))
