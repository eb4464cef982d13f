"""Every grid expands into the experiments it promises."""

import json

import pytest

from orchestrator_solver import train
from orchestrator_solver.workflows.sweep import rows as grids

ROWS = {
    "orch_sweeps": 13, "table1": 4, "nano_table1": 5, "nano_sweep": 2,
    "batches": 9, "captioners": 4, "grouping": 3, "guidance": 5, "hours": 5, "optimizers": 3, "policies": 4, "ranks": 3,
    "past": 3, "seeds": 3, "study": 45, "submixes": 4, "updates": 4, "words": 2,
    "nano_batches": 9, "nano_captioners": 3, "nano_grouping": 3, "nano_guidance": 5, "nano_hours": 4,
    "nano_optimizers": 3, "nano_past": 3, "nano_policies": 4, "nano_ranks": 4, "nano_seeds": 8, "nano_study": 48,
    "nano_submixes": 4, "nano_updates": 4, "nano_words": 2,
}  # fmt: skip


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


def test_every_question_is_asked_at_both_scales():
    asked = {name for name in ROWS if not name.startswith("nano_")} - {"orch_sweeps"}
    assert {f"nano_{name}" for name in asked} == {name for name in ROWS if name.startswith("nano_")} - {"nano_sweep"}


def test_every_grid_says_what_it_asks_and_costs():
    told = grids.described().splitlines()
    assert told[::3] == sorted(ROWS) and len(told) == 3 * len(ROWS)
    assert all(line.strip() for line in told) and "  a row: not said" not in told


def test_rows_of_a_question_differ_in_what_it_asks(runs):
    hours = [row.sheep.xp.cfg.orchestrator.hours for row in grids.expand("hours")]
    assert hours == [1, 5, 20, 60, None]
    assert [row.sheep.xp.cfg.lora.rank for row in grids.expand("nano_ranks")] == [0, 2, 8, 32]
    assert {row.epochs for row in grids.expand("nano_guidance")} == {1}  # it plays and scores, and trains nothing
    assert len({row.sheep.xp.cfg.dset_root for row in grids.expand("submixes")}) == 4
    for row in grids.expand("nano_words"):
        assert list(row.sheep.xp.cfg.evaluate.metrics.clips) == ["sim", "melody", "instruments", "kl_musicnn"]


@pytest.mark.parametrize("name", ["study", "nano_study"])
def test_cells_of_a_study_differ_from_the_first_in_one_thing_and_have_three_seeds(name, runs):
    cells = {}
    for row in grids.expand(name):
        cells.setdefault(row.sheep.xp.cfg.label, set()).add(row.sheep.xp.cfg.seed)
    assert len(cells) == len(grids.expand(name)) // 3 and set(map(frozenset, cells.values())) == {
        frozenset((2036, 1, 2))
    }


def test_the_table_shows_what_is_played_beside_the_losses(runs):
    (row,) = grids.expand("nano_words", ["0"])
    names = ("kl_musicnn", "melody", "instruments")
    scores = {f"{name}_stem_{which}": 0.25 for name in names for which in ("without", "with")}
    row.sheep.xp.link.history_file.write_text(json.dumps([{"valid": {"ce": 3.5}, "evaluate": {"ce": 3.25, **scores}}]))
    shown = grids.table("nano_words", [row])
    assert shown.count("0.250 0.250") == 3 and "3.5000" in shown and "melody" in shown
