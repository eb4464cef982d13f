"""Rows of a sweep are timed by turns, side by side and one after another, and one that fails is told in a line."""

import argparse
from pathlib import Path

import pytest

from dataset_builder.errors import UserError
from orchestrator_solver import train
from orchestrator_solver.bench.speed import sweeping
from orchestrator_solver.commands import bench
from orchestrator_solver.workflows.sweep.running import Failure


def command_line(data: Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    bench.add_parser(parser.add_subparsers())
    return parser.parse_args(["bench", "sweep", "--data", str(data), "--rows", "3", "--jobs", "2"])


def test_the_same_rows_run_in_folders_of_their_own(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train.main.dora, "dir", tmp_path)
    monkeypatch.setenv("ORCHESTRATOR_DORA_DIR", str(tmp_path))
    ran = []

    def run_rows(rows, jobs):
        ran.append((jobs, [row.sig for row in rows], {row.log.parents[2] for row in rows}))
        return []

    monkeypatch.setattr(sweeping, "run_rows", run_rows)
    assert bench.run(command_line(tmp_path)) == 0
    assert [jobs for jobs, _, _ in ran] == [2, 1] and ran[0][1] == ran[1][1] and len(set(ran[0][1])) == 3
    assert ran[0][2] != ran[1][2] and "3 rows: 0 s, 2 at once; 0 s, one after another" in capsys.readouterr().out


def test_a_row_that_fails_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(train.main.dora, "dir", tmp_path)
    monkeypatch.setenv("ORCHESTRATOR_DORA_DIR", str(tmp_path))

    def run_rows(rows, jobs):
        rows[0].log.write_text("error: no data\n")
        return [Failure(rows[0], 2)]

    monkeypatch.setattr(sweeping, "run_rows", run_rows)
    with pytest.raises(UserError, match=r"ended with exit code 2 \(error: no data\)$"):
        bench.run(command_line(tmp_path))
