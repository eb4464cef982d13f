"""Which optimizer gets furthest in as many updates?

Two find their rate themselves (lr 1), AdamW has one that is known to work.

Cost a row: about half an hour on 4 cores of a laptop.
"""

from ._questions import nano_grid

explorer = nano_grid(
    {
        "dadam": {"optim.optimizer": "dadam", "optim.lr": 1.0},
        "prodigy": {"optim.optimizer": "prodigy", "optim.lr": 1.0},
        "adamw": {"optim.optimizer": "adamw", "optim.lr": 1e-3},
    }
)
