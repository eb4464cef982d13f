"""Rows run, several at once, go on where they were, and say what went wrong."""

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
import torch
from dora.link import Link

from dataset_builder.errors import UserError
from orchestrator_solver import train
from orchestrator_solver.commands.runs import sweep
from orchestrator_solver.workflows.sweep import rows as grids
from orchestrator_solver.workflows.sweep import running, shares

# Stands for a training run: two epochs at most at a call with "stop", else all of them; "fail" ends in an error.
TRAINING = """
import json, os, pathlib, sys, time
if sys.argv[3].startswith("meets"):  # goes on once as many rows run at the same time
    history = pathlib.Path(sys.argv[1]); history.with_name("here").touch(); deadline = time.time() + 20
    while len(list(history.parents[1].glob("xp-meets*/here"))) < 2 and time.time() < deadline:
        time.sleep(0.01)
    print("met", time.time() < deadline, os.environ.get("OMP_NUM_THREADS"), sys.argv[4:], *os.sched_getaffinity(0))
history, epochs, how = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
done = json.loads(history.read_text()) if history.exists() else []
print("starts at", len(done))
for epoch in range(len(done), epochs):
    if how == "fail" and epoch == 1:
        print("error: no data"); print("\\nSet the environment variable"); sys.exit(2)
    if how == "stop" and epoch == 2:
        sys.exit(0)
    done.append({"train": {"ce": 3.0 - epoch, "duration": 60.0}, "valid": {"ce": 3.5 - epoch}})
    history.with_suffix(".tmp").write_text(json.dumps(done))
    history.with_suffix(".tmp").rename(history)  # as Dora writes it
"""


@pytest.fixture
def row(tmp_path, monkeypatch):
    script = tmp_path / "training.py"
    script.write_text(TRAINING)

    def command(self):
        return [sys.executable, str(script), str(self.sheep.xp.link.history_file), str(self.epochs), self.name]

    monkeypatch.setattr(grids.Row, "command", property(command))
    monkeypatch.setattr(running, "POLL_SECONDS", 0.05)

    def make(how: str, epochs: int = 3) -> grids.Row:
        folder = tmp_path / f"xp-{how}"
        folder.mkdir(exist_ok=True)
        cfg = SimpleNamespace(device="cpu")
        xp = SimpleNamespace(sig=how, folder=folder, link=Link(folder / "history.json"), argv=[], cfg=cfg)
        return grids.Row(how, SimpleNamespace(xp=xp), epochs)

    return make


def test_rows_run_in_order_and_finished_ones_are_skipped(row):
    good, other = row("good"), row("other")
    assert running.run_rows([good, other]) == []
    assert good.finished and other.finished
    written = good.log.read_text()
    assert running.run_rows([row("good")]) == []
    assert good.log.read_text() == written == "starts at 0\n"


def test_interrupted_row_goes_on(row):
    half = row("good")
    half.sheep.xp.link.history_file.write_text(json.dumps([{"train": {"ce": 9.0}}]))
    assert half.state == "1/3"
    assert running.run_rows([half]) == []
    history = json.loads(half.sheep.xp.link.history_file.read_text())
    assert half.log.read_text() == "starts at 1\n" and len(history) == 3 and history[0]["train"]["ce"] == 9.0


def test_failures_are_reported_and_others_still_run(row):
    failures = running.run_rows([row("fail"), row("good")])
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
    assert grids.last_words(tmp_path / "local.log") == words


def test_stop_on_failure(row):
    assert len(running.run_rows([row("fail"), row("good")], keep_going=False)) == 1
    assert row("good").state == "new"


def test_a_run_that_stops_early_without_a_word_is_a_failure(row):
    (failure,) = running.run_rows([row("stop")])
    assert failure.code == 1 and row("stop").state == "2/3"


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system binds no process to cores")
def test_rows_run_side_by_side_each_with_its_share_of_the_cores(row, monkeypatch):
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        pytest.skip("one core")
    rows = [row("meets-1"), row("meets-2")]
    assert running.run_rows(rows, jobs=2) == []
    told = [one.log.read_text().splitlines()[0].split("] ") for one in rows]
    counts = [len(words.split()) for _, words in told]
    assert [head for head, _ in told] == [f"met True {count} ['num_threads={count}'" for count in counts]
    assert sorted(int(core) for _, words in told for core in words.split()) == cores


def test_one_row_at_a_time_gets_the_machine_as_it_is(row):
    assert shares.shares_of(1, on_gpu=True) == [shares.Share()] and shares.Share().overrides == []
    running.run_rows([row("good")])
    assert row("good").log.read_text() == "starts at 0\n"


def test_rows_on_gpus_get_one_each(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(shares.os, "sched_getaffinity", lambda process: {0, 1, 2, 3, 4}, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-ab")
    found = shares.shares_of(2, on_gpu=True)
    assert [one.environment["CUDA_VISIBLE_DEVICES"] for one in found] == ["5", "GPU-ab"]
    assert [one.cores for one in found] == [(0, 1), (2, 3, 4)] and found[0].overrides == []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert [one.gpu for one in shares.shares_of(2, on_gpu=True)] == ["0", "1"]
    with pytest.raises(UserError, match="--jobs 3 wants a GPU for each row, found 2: --jobs 2 at most"):
        shares.shares_of(3, on_gpu=True)
    with pytest.raises(UserError, match="--jobs 6 wants a core for each row, found 5: --jobs 5 at most"):
        shares.shares_of(6, on_gpu=False)


def test_a_failed_row_is_run_again_after_the_others(row, capsys):
    (failure,) = running.run_rows([row("fail"), row("good")], retries=1)
    assert failure.row.sig == "fail" and row("fail").log.read_text().count("starts at") == 2
    lines = capsys.readouterr().out.splitlines()
    ended, good = [line for line in lines if "error: no data" in line], lines.index(lines[-1])
    assert len(ended) == 2 and "[1/2] fail failed" in lines[good]
    assert any("[1/2] fail again    1/3 epochs, ce 3.500" in line for line in lines)


def test_a_row_that_stopped_halfway_is_finished_by_a_retry(row, monkeypatch):
    command = grids.Row.command.fget
    monkeypatch.setattr(
        grids.Row, "command", property(lambda self: [*command(self)[:4], "good" if self.done_epochs else "stop"])
    )
    assert running.run_rows([row("stop")], retries=1) == [] and row("stop").finished


def test_a_terminal_shows_a_table_that_stays(row, monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    running.run_rows([row("good"), row("fail")])
    told = capsys.readouterr().out
    assert "[1/2] good finished 3/3 epochs, ce 1.500: good" in told and "\r" in told
    assert "[2/2] fail failed   1/3 epochs, ce 3.500: fail" in told and "error: no data" in told


def test_all_rows_that_run_are_stopped_together(row, monkeypatch, tmp_path):
    """Each is asked by SIGTERM, and awaited until it has saved."""
    code = (
        "import pathlib, signal, sys, time\n"
        "def save(*_):\n    time.sleep(0.3); here.write_text('saved'); sys.exit(143)\n"
        "here = pathlib.Path(sys.argv[1]); signal.signal(signal.SIGTERM, save); here.write_text('runs')\n"
        "time.sleep(60)"
    )
    states = {how: tmp_path / how for how in ("one", "two")}
    monkeypatch.setattr(
        grids.Row, "command", property(lambda self: [sys.executable, "-c", code, str(states[self.name])])
    )
    monkeypatch.setattr(running, "shares_of", lambda jobs, on_gpu: [shares.Share()] * jobs)

    def epochs_then_stop(self):
        if all(state.exists() and state.read_text() == "runs" for state in states.values()):
            signal.raise_signal(signal.SIGTERM)
        return 0

    monkeypatch.setattr(grids.Row, "done_epochs", property(epochs_then_stop))
    with pytest.raises(SystemExit) as caught:
        running.run_rows([row("one"), row("two")], jobs=2)
    assert caught.value.code == 143 and {state.read_text() for state in states.values()} == {"saved"}


@pytest.fixture
def sleeper(monkeypatch, tmp_path):
    """Rows that write their process id into a file and then sleep."""
    pid_file = tmp_path / "pid"
    code = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    monkeypatch.setattr(grids.Row, "command", property(lambda self: [sys.executable, "-c", code]))
    return pid_file


@pytest.mark.parametrize(
    "stop", [lambda: signal.raise_signal(signal.SIGTERM), lambda: signal.raise_signal(signal.SIGINT)]
)
def test_interruption_ends_the_run_too(row, sleeper, monkeypatch, stop):
    def epochs_then_stop(self):
        if sleeper.exists() and sleeper.read_text():
            stop()
        return 0

    monkeypatch.setattr(grids.Row, "done_epochs", property(epochs_then_stop))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        running.run_rows([row("good")])
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
            running.run_rows([left_over])
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


def test_rows_are_chosen_by_signature_too(tmp_path, monkeypatch):
    monkeypatch.setattr(train.main.dora, "dir", tmp_path)
    first, second, *_ = grids.expand("nano_table1")
    assert [one.sig for one in grids.expand("nano_table1", [second.sig])] == [second.sig]
    assert [one.sig for one in grids.expand("nano_table1", [second.sig, "0"])] == [first.sig, second.sig]


def test_the_list_says_what_grids_ask(capsys):
    assert sweep.run(command_line("--list")) == 0
    told = capsys.readouterr().out
    assert "nano_hours\n  How many hours of tracks does it take?\n  a row: about half an hour" in told


def test_unknown_grids_and_rows_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(train.main.dora, "dir", tmp_path)
    with pytest.raises(UserError, match=r"no grid 'nano': expected one of .*nano_sweep"):
        sweep.run(command_line("nano"))
    with pytest.raises(UserError, match="has no row 7"):
        sweep.run(command_line("nano_sweep", "--only", "7"))
    with pytest.raises(UserError, match="called like violin"):
        sweep.run(command_line("nano_sweep", "--only", "violin"))


def test_dry_run_shows_commands_that_dora_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train.main.dora, "dir", tmp_path)
    assert sweep.run(command_line("nano_sweep", "--dry-run")) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if ": dora run " in line]
    assert len(lines) == 2 and all("(new): dora run solver=orchestrator_nano" in line for line in lines)
    assert not list(Path(tmp_path).rglob(grids.LOG_NAME))
