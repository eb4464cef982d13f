"""Environment variables by which audiocraft finds our settings and the folder of runs."""

import os
import sys
from pathlib import Path

from ..paths import PROJECT


def point_to_our_settings() -> None:
    """Why: audiocraft looks for its teams file in a checkout, and takes the cluster's name from the kernel's and the
    host's, so that any machine at Amazon would need an entry. The folder of runs is made absolute for processes
    started elsewhere: workers, Slurm's jobs, git clones. Goes when: audiocraft is configured through Hydra alone."""
    os.environ.setdefault("AUDIOCRAFT_CONFIG", str(PROJECT / "config" / "teams.yaml"))
    if sys.platform != "darwin":
        os.environ.setdefault("AUDIOCRAFT_CLUSTER", "default")
    runs = os.environ.get("ORCHESTRATOR_DORA_DIR") or PROJECT / "outputs"
    os.environ["ORCHESTRATOR_DORA_DIR"] = str(Path(runs).absolute())
