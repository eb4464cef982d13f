"""Rows run one after another, go on where they were, and say what went wrong."""

import argparse
import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from dora.link import Link

from dataset_builder.errors import UserError
from orchestrator_solver import train
from orchestrator_solver.commands.runs import sweep
from orchestrator_solver.workflows import local_grid

# Stands for a training run: two epochs at most at a call with "stop", else all of them; "fail" ends in an error.
TRAINING = """
import json, pathlib, sys
history, epochs, how = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
done = json.loads(history.read_text()) if history.exists() else []
print("starts at", len(done))
for epoch in range(len(done), epochs):
    if how == "fail" and epoch == 1:
        print("error: no data"); print("\\nSet the environment variable"); sys.exit(2)
    if how == "stop" and epoch == 2:
        sys.exit(0)
    done.append({"train": {"ce": 3.0 - epoch, "duration": 60.0}, "valid": {"ce": 3.5 - epoch}})
    history.write_text(json.dumps(done))
"""


@pytest.fixture
def row(tmp_path, monkeypatch):
    script = tmp_path / "training.py"
    script.write_text(TRAINING)

    def command(self):
        return [sys.executable, str(script), str(self.sheep.xp.link.history_file), str(self.epochs), self.name]

    monkeypatch.setattr(local_grid.Row, "command", property(command))
    monkeypatch.setattr(local_grid, "POLL_SECONDS", 0.05)

    def make(how: str, epochs: int = 3) -> local_grid.Row:
        folder = tmp_path / f"xp-{how}"
        folder.mkdir(exist_ok=True)
        xp = SimpleNamespace(sig=how, folder=folder, link=Link(folder / "history.json"), argv=[])
        return local_grid.Row(how, SimpleNamespace(xp=xp), epochs)

    return make


def test_rows_run_in_order_and_finished_ones_are_skipped(row):
    good, other = row("good"), row("other")
    assert list(local_grid.run_rows([good, other])) == []
    assert good.finished and other.finished
    written = good.log.read_text()
    assert list(local_grid.run_rows([row("good")])) == []
    assert good.log.read_text() == written == "starts at 0\n"


def test_interrupted_row_goes_on(row):
    half = row("good")
    half.sheep.xp.link.history_file.write_text(json.dumps([{"train": {"ce": 9.0}}]))
    assert half.state == "1/3"
    assert list(local_grid.run_rows([half])) == []
    history = json.loads(half.sheep.xp.link.history_file.read_text())
    assert half.log.read_text() == "starts at 1\n" and len(history) == 3 and history[0]["train"]["ce"] == 9.0


def test_failures_are_reported_and_others_still_run(row):
    failures = list(local_grid.run_rows([row("fail"), row("good")]))
    assert [(failure.row.sig, failure.code) for failure in failures] == [("fail", 2)]
    assert "error: no data" in str(failures[0]) and str(row("fail").log) in str(failures[0])
    assert row("good").finished


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("Traceback\n  x = 1\nZeroDivisionError: by zero\n\nSet HYDRA_FULL_ERROR=1\n", "ZeroDivisionError: by zero"),
        ("omegaconf.errors.ConfigKeyError: no lr\n", "omegaconf.errors.ConfigKeyError: no lr"),
        ("Killed\n\n", "Killed"),
        ("", "it printed nothing"),
    ],
)  # fmt: skip
def test_last_words_are_the_error(tmp_path, printed, words):
    (tmp_path / "local.log").write_text(printed)
    assert local_grid.last_words(tmp_path / "local.log") == words


def test_stop_on_failure(row):
    assert len(list(local_grid.run_rows([row("fail"), row("good")], keep_going=False))) == 1
    assert row("good").state == "new"


def test_a_run_that_stops_early_without_a_word_is_a_failure(row):
    (failure,) = local_grid.run_rows([row("stop")])
    assert failure.code == 1 and row("stop").state == "2/3"


@pytest.fixture
def sleeper(monkeypatch, tmp_path):
    """Rows that write their process id into a file and then sleep."""
    pid_file = tmp_path / "pid"
    code = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    monkeypatch.setattr(local_grid.Row, "command", property(lambda self: [sys.executable, "-c", code]))
    return pid_file


@pytest.mark.parametrize(
    "stop", [lambda: signal.raise_signal(signal.SIGTERM), lambda: signal.raise_signal(signal.SIGINT)]
)
def test_interruption_ends_the_run_too(row, sleeper, monkeypatch, stop):
    def epochs_then_stop(self):
        if sleeper.exists() and sleeper.read_text():
            stop()
        return 0

    monkeypatch.setattr(local_grid.Row, "done_epochs", property(epochs_then_stop))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        list(local_grid.run_rows([row("good")]))
    with pytest.raises(ProcessLookupError):
        os.kill(int(sleeper.read_text()), 0)
    assert signal.getsignal(signal.SIGTERM) is handler


def test_a_run_that_outlived_its_runner_is_not_started_twice(row, sleeper):
    left_over = row("good")
    with left_over.log.open("ab") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        process = subprocess.Popen(left_over.command, stdout=log)  # holds the lock from here on
    try:
        with pytest.raises(UserError, match="good is being run by another process"):
            list(local_grid.run_rows([left_over]))
    finally:
        process.kill()
        process.wait()


def command_line(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    sweep.add_parser(parser.add_subparsers())
    return parser.parse_args(["sweep", *argv])


def test_command_lists_grids(capsys):
    assert sweep.run(command_line()) == 0
    assert "nano_sweep" in capsys.readouterr().out.split()


def test_unknown_grids_and_rows_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(train.main.dora, "dir", tmp_path)
    with pytest.raises(UserError, match="no grid 'nano': expected one of nano_sweep"):
        sweep.run(command_line("nano"))
    with pytest.raises(UserError, match="has no row 7"):
        sweep.run(command_line("nano_sweep", "--rows", "7"))
    with pytest.raises(UserError, match="called like violin"):
        sweep.run(command_line("nano_sweep", "--rows", "violin"))


def test_dry_run_shows_commands_that_dora_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train.main.dora, "dir", tmp_path)
    assert sweep.run(command_line("nano_sweep", "--dry-run")) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if ": dora run " in line]
    assert len(lines) == 2 and all("(new): dora run solver=orchestrator_nano" in line for line in lines)
    assert not list(Path(tmp_path).rglob(local_grid.LOG_NAME))
