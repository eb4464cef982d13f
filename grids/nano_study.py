"""What did the paper leave open? One change at a time, three seeds each, at the embedded scale.

The first row is what the others are compared with (`orchestrator compare nano_study`). Data set: data/nano-study, as
`python -m dataset_builder build --source nano` makes it.

Cost a row: some 5 minutes on one core; those of 800 updates 20.
"""

from ._questions import nano_grid
from ._study import study

explorer = nano_grid(
    study(
        "stem, all, 200 updates", [4, 32], [0.3, 0.9], {"100 updates": 1, "400 updates": 4, "800 updates": 8}, adamw=0
    ),
    {
        "dset_root": "data/nano-study", "dataset.num_workers": 0, "num_threads": 1,
        "optim.epochs": 2, "optim.updates_per_epoch": 100, "schedule.cosine.warmup": 20,
        "evaluate.policies": ["self", "stem"], "evaluate.description": "reference", "evaluate.excerpts": 48,
        "evaluate.metrics.base": False,
    },
)  # fmt: skip
