"""Being asked to stop: by SIGTERM and SIGUSR2, as clusters send them before they take a machine away, or by Ctrl-C."""

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT)  # of several that came, the first of these counts
PATIENCE = 90.0  # seconds for a step to end
ANSWER_SECONDS = 10.0  # for Slurm to say what it has in mind: it kills half a minute after SIGTERM


class Stopped(Exception):
    """Raised between two steps once stopping was asked for."""


class StopRequest:
    """Remembers the signal that asks to stop, until somebody between two steps looks.

    A worker of `dora run -d` is also asked by the end of its parent, which passes no signal on but answers Ctrl-C,
    which the terminal sends to the workers as well, with SIGTERM to them; clusters send SIGTERM and SIGUSR2 in either
    order. So different signals are one request. The same one again before the step ends, or a step that does not end
    in time (another process may be gone for which it waits), ends the process at once: what was saved last is whole. A
    thread does this, since Python's own handlers wait for the step.

    Args:
        patience: seconds.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        self.signal: signal.Signals | None = None
        self.patience = patience
        self._parent = os.getppid() if "WORLD_SIZE" in os.environ else None
        self._before: dict[int, Any] = {}
        self._step_ended = threading.Event()

    @contextmanager
    def handle_signals(self) -> Iterator[None]:
        """Catch the signals while the block runs; afterwards they are handled as before."""
        read, write = os.pipe()
        os.set_blocking(write, False)
        wakeup = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, lambda *_: None) for number in SIGNALS}
        thread = threading.Thread(target=self._watch, args=(read,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(wakeup)
            self._step_ended.set()
            os.write(write, bytes(1))  # its end would not be seen: processes that load data have it open, too
            thread.join()
            os.close(read)
            os.close(write)

    def _watch(self, read: int) -> None:
        came: set[signal.Signals] = set()
        while (byte := os.read(read, 1)) != bytes(1):
            if byte[0] not in SIGNALS or self._step_ended.is_set():
                continue  # it is being saved: nothing but SIGKILL ends that
            if byte[0] in came:
                os._exit(128 + byte[0])
            came.add(signal.Signals(byte[0]))
            self.signal = min(came, key=SIGNALS.index)
            if len(came) == 1:
                logger.warning("%s: saving after this step", self.signal.name)
                threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        if not self._step_ended.wait(self.patience):
            logger.error("No step ended within %.0f s: leaving without saving", self.patience)
            os._exit(128 + (self.signal or signal.SIGTERM))

    def asked(self) -> int:
        """The number of the signal by which this process was asked to stop, or 0."""
        if self.signal is None and self._parent not in (None, os.getppid()):
            self.signal = signal.SIGTERM
        return self.signal or 0

    def raise_stopped(self, number: int) -> NoReturn:
        """Stop here, between two steps.

        Args:
            number: the signal; another process of the run may have been asked instead of this one.

        Raises:
            Stopped: always.
        """
        self.signal = signal.Signals(number)
        self._step_ended.set()
        raise Stopped(self.signal.name)

    def exit(self, rank: int) -> NoReturn:
        """End the process after saving: by submitit's own handler if it is to requeue the job, else as shells do.

        Args:
            rank: of this process; submitit requeues from rank 0, and the others wait to be ended with the job, since
                one that leaves would take the rest along.

        Raises:
            SystemExit: with 128 + the signal's number.
        """
        number = self.signal or signal.SIGTERM
        requeue = self._before.get(signal.SIGUSR2)  # submitit's, in a job of its own
        if callable(requeue) and number != signal.SIGINT:
            while rank:
                signal.pause()
            if number == signal.SIGUSR2 or _is_preempted():
                requeue(signal.SIGUSR2, None)
        raise SystemExit(128 + number)


def _is_preempted() -> bool:
    """Whether Slurm still counts this job as running, though it has sent SIGTERM: it is preempted, and not cancelled.

    Where partitions preempt each other with a grace time, a job that ends within it has failed, and is put back only if
    it asks for that.
    """
    with suppress(OSError, subprocess.TimeoutExpired):
        asked = ["squeue", "--noheader", "--format=%T", f"--jobs={os.environ.get('SLURM_JOB_ID')}"]
        told = subprocess.run(asked, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
        return told.stdout.strip() == "RUNNING"
    return False


def ignore_in_worker(worker: int) -> None:
    """For processes that load data: Slurm signals them as well, and the process they work for still needs them."""
    signal.set_wakeup_fd(-1)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
