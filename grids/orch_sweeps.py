"""Sweeps around the paper's run (MusicGen Melody 1.5B on Slakh2100 redux), one question at a time.

Hardware: 8 GPUs of 80 GB for each row, 32 for the last. The first row is the paper's run; each other changes one
thing.
Cost a row: 23 hours of an A100 (3 on the 8 it asks for), as docs/researchers.md reckons; never measured.
    dora grid orch_sweeps --dry_run --no_monitoring    # what it would do
    dora grid orch_sweeps optim                        # the rows that have `optim` in their name
"""

from dora.explore import Launcher

from ._explorer import POLICIES, OrchestratorExplorer


@OrchestratorExplorer
def explorer(launcher: Launcher) -> None:
    """The rows."""
    launcher.bind_(solver="orchestrator", dset="slakh")
    launcher.slurm_(gpus=8, mem_per_gpu=80, cpus_per_gpu=8, time=2880)
    launcher.bind_(POLICIES["self"])  # the paper's
    launcher()

    # MusicGen's authors found that D-Adaptation helps the 300M model and hurts those of 1.5B and 3.3B; the paper used
    # it on 1.5B. AdamW's rates: below, at and above what MusicGen was trained with (1e-4), fine-tuning wanting less.
    for lr in (1e-5, 3e-5, 1e-4):
        launcher({"optim.optimizer": "adamw", "optim.lr": lr})

    # What the target is conditioned on: itself, as in the paper, or what a user has at hand, a melody-bearing stem.
    # `any` asks whether a reference without a melody (bass, drums) does harm; `mixed` whether both can be had.
    for policy in ("stem", "any", "mixed"):
        launcher(POLICIES[policy])

    # With the description in every prompt, or in none: are instrument names enough, as its ablation suggests?
    launcher({"orchestrator.description_p": 0.0})
    launcher({"orchestrator.description_p": 1.0})

    # Do stems and submixes help, as the paper argues for adding them?
    launcher({"orchestrator.kinds.stem": 0.0, "orchestrator.kinds.submix": 0.0})
    launcher({"orchestrator.kinds.submix": 0.0})

    # Condition dropout: MusicGen's 0.2, and less, since fine-tuning starts from a model that knows guidance already.
    launcher({"classifier_free_guidance.training_dropout": 0.1})

    # The larger model has its own melody weights; there are none of 300M to start from. It is sharded, which takes
    # autocast's place, and needs the GPUs for its optimizer's state.
    large = launcher.slurm(gpus=32)
    large(
        {"model/lm/model_scale@_global_": "large", "continue_from": "//pretrained/facebook/musicgen-melody-large"},
        {"optim.optimizer": "adamw", "optim.lr": 1e-5, "fsdp.use": True, "autocast": False},
    )
