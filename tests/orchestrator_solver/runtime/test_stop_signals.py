"""Being asked to stop: what signals do, that a second one or a step without end leaves at once, and who requeues."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator_solver.runtime.deadlock import PatientDeadlockDetect
from orchestrator_solver.runtime.stop_signals import SIGNALS, Stopped, StopRequest, ignore_in_worker

BLOCKED = """
import hashlib, sys
from orchestrator_solver.runtime.stop_signals import StopRequest
with StopRequest(float(sys.argv[1])).handle_signals():
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # for minutes, without Python
"""


def _wait(stop: StopRequest) -> int:
    end = time.monotonic() + 10
    while not stop.asked() and time.monotonic() < end:
        os.sched_yield()
    return stop.asked()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_remembered_until_a_step_ends(number: signal.Signals) -> None:
    before, stop = signal.getsignal(number), StopRequest()
    with stop.handle_signals():
        assert stop.asked() == 0
        os.kill(os.getpid(), number)
        assert _wait(stop) == number
        with pytest.raises(Stopped, match=number.name):
            stop.raise_stopped(number)
    assert signal.getsignal(number) == before
    with pytest.raises(SystemExit) as left:
        stop.exit(0)
    assert left.value.code == 128 + number


@pytest.mark.parametrize(("patience", "again"), [("60", True), ("0.1", False)])
def test_a_process_that_waits_for_ever_can_be_ended(patience: str, again: bool) -> None:
    """Python's handlers do not run while the process waits inside a library, as for another that is gone."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", BLOCKED, patience], stdout=pipe, stderr=pipe, text=True)
    assert process.stdout and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.stderr and process.stderr.readline() == "SIGTERM: saving after this step\n"
    if again:
        process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGTERM


def test_ctrl_c_saves_and_doras_answer_to_it_does_not_cut_that() -> None:
    """Dora's parent sends SIGTERM to workers that the terminal has sent SIGINT already."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", BLOCKED, "60"], stdout=pipe, stderr=pipe, text=True)
    assert process.stdout and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stderr and process.stderr.readline() == "SIGINT: saving after this step\n"
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGTERM


def test_a_clusters_two_signals_are_one_and_the_one_that_requeues_counts() -> None:
    stop = StopRequest()
    with stop.handle_signals():
        for number in (signal.SIGTERM, signal.SIGUSR2):
            os.kill(os.getpid(), number)
            _wait(stop)
        end = time.monotonic() + 10
        while stop.asked() != signal.SIGUSR2 and time.monotonic() < end:
            os.sched_yield()
        assert stop.asked() == signal.SIGUSR2


def test_saving_is_not_cut_by_another_signal() -> None:
    stop = StopRequest(patience=0.01)
    with stop.handle_signals():
        os.kill(os.getpid(), signal.SIGUSR2)
        _wait(stop)
        with pytest.raises(Stopped):
            stop.raise_stopped(signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal == signal.SIGUSR2  # and this process goes on


def test_a_job_is_requeued_by_the_handler_that_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """submitit's: it ends rank 0, while the other processes wait for the end of the job."""
    calls, stop = [], StopRequest()
    old = signal.signal(signal.SIGUSR2, lambda number, frame: calls.append(number))
    try:
        with stop.handle_signals():
            os.kill(os.getpid(), signal.SIGUSR2)
            _wait(stop)
            with pytest.raises(Stopped):
                stop.raise_stopped(signal.SIGUSR2)
        assert not calls
        with pytest.raises(SystemExit):
            stop.exit(0)
        assert calls == [signal.SIGUSR2]
        monkeypatch.setattr(signal, "pause", lambda: (_ for _ in ()).throw(TimeoutError))
        with pytest.raises(TimeoutError):
            stop.exit(1)
    finally:
        signal.signal(signal.SIGUSR2, old)


@pytest.mark.parametrize(("state", "requeued"), [("RUNNING", True), ("COMPLETING", False), (None, False)])
def test_sigterm_requeues_a_job_that_slurm_has_not_cancelled(
    state: str | None, requeued: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked is a program in the place of squeue, if there is one."""
    if state:
        (tmp_path / "squeue").write_text(f'#!/bin/sh\n[ "$3" = --jobs=7 ] && echo {state}\n')
        (tmp_path / "squeue").chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin" if state else str(tmp_path))
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    calls, stop = [], StopRequest()
    old = signal.signal(signal.SIGUSR2, lambda number, frame: calls.append(number))
    try:
        with stop.handle_signals():
            os.kill(os.getpid(), signal.SIGTERM)
            _wait(stop)
        with pytest.raises(SystemExit) as left:
            stop.exit(0)
    finally:
        signal.signal(signal.SIGUSR2, old)
    assert left.value.code == 128 + signal.SIGTERM and bool(calls) == requeued


def test_processes_that_load_data_leave_stopping_to_their_parent() -> None:
    child = os.fork()
    if child == 0:
        ignore_in_worker(0)
        for number in SIGNALS:
            os.kill(os.getpid(), number)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_the_end_is_not_held_up_by_processes_that_load_data() -> None:
    """Forked while signals are handled, they live on where an error ends a run."""
    begun = time.monotonic()
    with StopRequest().handle_signals():
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert time.monotonic() - begun < 30


def test_the_end_of_a_workers_parent_asks_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    worker = StopRequest()
    monkeypatch.delenv("WORLD_SIZE")
    alone = StopRequest()
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert worker.asked() == signal.SIGTERM
    assert alone.asked() == 0, "a shell that ends is no reason to stop"


def test_deadlock_is_looked_for_after_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first step may take as long as it likes; a later one that hangs ends the process."""
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append(number))
    detect = PatientDeadlockDetect(use=True, timeout=0.05)
    with detect:
        detect.update("batch")
        detect._thread.join(0.3)
        assert detect._thread.is_alive() and not killed
    with detect:
        detect.update("end_batch")
        detect.update("batch")
        detect._thread.join(10)
        assert killed == [signal.SIGKILL]
