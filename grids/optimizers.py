"""Which optimizer gets furthest in as many updates?

Two find their rate themselves (lr 1), AdamW has one that is known to work.

Cost a row: 23 hours of an A100 (3 on the 8 it asks for), as docs/researchers.md reckons; never measured.
"""

from ._questions import full_grid

explorer = full_grid(
    {
        "dadam": {"optim.optimizer": "dadam", "optim.lr": 1.0},
        "prodigy": {"optim.optimizer": "prodigy", "optim.lr": 1.0},
        "adamw": {"optim.optimizer": "adamw", "optim.lr": 3e-5},
    }
)
