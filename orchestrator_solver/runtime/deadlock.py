"""A watch on steps that never end."""

from typing import Any

from audiocraft.utils.deadlock import DeadlockDetect


class PatientDeadlockDetect(DeadlockDetect):
    """audiocraft's detector, which kills a run whose step takes too long, from the end of a stage's first step on.

    The first step waits for workers to start, for kernels to be compiled or chosen, and for a cold disk: it may take
    longer than any step after it, and is no deadlock.
    """

    def _detector_thread(self) -> None:
        stage: Any = ""
        while stage != "end_batch":
            stage = self._queue.get()
            if stage is None:
                return
        super()._detector_thread()
