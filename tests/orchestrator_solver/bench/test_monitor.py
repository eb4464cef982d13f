"""The tables of many runs are timed, with all that their histories hold."""

import argparse

from orchestrator_solver import train
from orchestrator_solver.bench.speed import monitor
from orchestrator_solver.commands import bench
from orchestrator_solver.workflows.sweep.rows import table


def test_all_runs_are_shown_with_their_scores_within_two_seconds(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train.main.dora, "dir", tmp_path)
    shown = []
    monkeypatch.setattr(monitor, "table", lambda grid, rows: shown.append(table(grid, rows)))
    parser = argparse.ArgumentParser()
    bench.add_parser(parser.add_subparsers())
    given = ["bench", "monitor", "--runs", "3", "--epochs", "4", "--turns", "2"]
    assert bench.run(parser.parse_args(given)) == 0
    assert "3 runs of 4 epochs" in capsys.readouterr().out and len(shown) == 2
    lines = [line for line in shown[0].splitlines() if "seed=" in line]
    assert len(lines) == 3 and all("4/" in line and "1.235 1.235" in line for line in lines)


def test_too_slow_is_told():
    report = monitor.MonitorReport(100, 25, 0.1, 2.5, 0.1, False, 9.0)
    assert "OVER 2 s" in report.text()
