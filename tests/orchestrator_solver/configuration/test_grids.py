"""Every grid expands into the experiments it promises."""

import pytest

from orchestrator_solver import train
from orchestrator_solver.workflows.sweep import rows as grids

ROWS = {"orch_sweeps": 13, "table1": 4, "nano_table1": 5, "nano_sweep": 2}


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setattr(train.main.dora, "dir", tmp_path)
    return tmp_path


def test_every_grid_is_listed():
    assert grids.grid_names() == sorted(ROWS)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_grid_expands_into_different_runs(name, runs):
    rows = grids.expand(name)
    assert len({row.sig for row in rows}) == len(rows) == ROWS[name]
    assert all((runs / "xps" / row.sig / ".argv.json").is_file() for row in rows), "dora info -f SIG must know them"
    assert all(row.state == "new" for row in rows)
    table = grids.table(name, rows)
    assert all(row.sig in table for row in rows)


def test_rows_are_chosen_by_number_and_by_name(runs):
    assert [row.sig for row in grids.expand("nano_table1", ["4"])] == [
        row.sig for row in grids.expand("nano_table1", ["control"])
    ]


def test_only_the_baseline_row_is_evaluation_alone(runs):
    rows = grids.expand("nano_table1")
    assert [row.sheep.xp.cfg.execute_only for row in rows] == ["evaluate", None, None, None, None]
    assert [row.epochs == 1 for row in rows] == [True, False, False, False, False]


def test_control_makes_as_many_updates_as_fine_tuning(runs):
    updates = {
        row.epochs * row.sheep.xp.cfg.optim.updates_per_epoch for row in grids.expand("nano_table1", ["!baseline"])
    }
    assert len(updates) == 1
