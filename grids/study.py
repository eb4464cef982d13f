"""What did the paper leave open? One change at a time, three seeds each, around the paper's run.

The first row is what the others are compared with (`orchestrator compare study`).

Cost a row: 23 hours of an A100 (3 on the 8 it asks for), as docs/researchers.md reckons; never measured.
"""

from ._questions import full_grid
from ._study import study

explorer = full_grid(
    study("stem, all, 25 epochs", [16, 64], [5, 20], {"5 epochs": 5, "50 epochs": 50}, adamw=1e-5),
    {"evaluate.policies": ["self", "stem"], "evaluate.description": "reference", "evaluate.excerpts": 200},
)
