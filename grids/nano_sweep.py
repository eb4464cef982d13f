"""The smallest sweep that teaches something: what to play from, at the embedded scale. `orchestrator sweep nano_sweep`.

Cost a row: a few minutes on 4 cores of a laptop. Wants the embedded corpus in data/nano and its store, see nano_table1.
"""

from dora.explore import Launcher

from ._explorer import POLICIES, OrchestratorExplorer, on_cpu


@OrchestratorExplorer
def explorer(launcher: Launcher) -> None:
    """The rows."""
    on_cpu(launcher)
    launcher.bind_(solver="orchestrator_nano")
    launcher.bind_({"optim.epochs": 3, "optim.updates_per_epoch": 20, "dataset.batch_size": 8})
    launcher.bind_({"schedule.cosine.warmup": 10})
    launcher.bind_({f"dataset.{split}.num_samples": 16 for split in ("valid", "evaluate")})
    launcher.bind_({"dataset.generate.num_samples": 2, "generate.lm.gen_duration": 2.0})
    for policy in ("self", "stem"):  # the paper's reading against what a user has
        launcher(POLICIES[policy], label=policy)
