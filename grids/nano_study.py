"""What did the paper leave open? One change at a time, three seeds each, at the embedded scale.

The first row is what the others are compared with (`orchestrator compare nano_study`). Data set: data/nano-study, built
with --submixes 3 of all works.

Cost a row: some 5 minutes on one core; those of `updates` up to 20.
"""

from ._explorer import POLICIES
from ._questions import nano_grid, with_seeds

UPDATES = 100  # an epoch
_LONE = {"orchestrator.reference.self": 0.0, "orchestrator.reference.stem": 0.0, "orchestrator.reference.any": 0.0}

CELLS = {
    "stem, all, 200 updates": {},
    "reference: self": POLICIES["self"],
    "reference: apart": {**_LONE, "orchestrator.reference.apart": 1.0},
    "reference: mixed": POLICIES["mixed"],
    "no submixes": {"orchestrator.kinds.submix": 0.0},
    "no descriptions": {"orchestrator.description_p": 0.0},
    "General MIDI's words": {"orchestrator.instrument_words": "midi"},
    "LoRA, rank 4": {"lora.rank": 4},
    "LoRA, rank 32": {"lora.rank": 32},
    "D-Adaptation": {"optim.optimizer": "dadam", "optim.lr": 1.0},
    "Prodigy": {"optim.optimizer": "prodigy", "optim.lr": 1.0},
    "0.3 hours": {"orchestrator.hours": 0.3},
    "0.9 hours": {"orchestrator.hours": 0.9},
    "100 updates": {"optim.epochs": 1},
    "400 updates": {"optim.epochs": 4},
    "800 updates": {"optim.epochs": 8},
}

explorer = nano_grid(
    with_seeds(CELLS, [2036, 1, 2]),
    {
        "dset_root": "data/nano-study", "dataset.num_workers": 0, "num_threads": 1,
        "optim.epochs": 2, "optim.updates_per_epoch": UPDATES, "schedule.cosine.warmup": 20,
        "evaluate.policies": ["self", "stem"], "evaluate.description": "reference", "evaluate.excerpts": 48,
        "evaluate.metrics.base": False,
    },
)  # fmt: skip
