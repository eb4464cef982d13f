"""How many hours of tracks does it take?

Whole works, fewer of which are among more of them (orchestrator.hours); updates stay as many.

Cost a row: 23 hours of an A100 (3 on the 8 it asks for), as docs/researchers.md reckons; never measured.
"""

from ._questions import full_grid, one_each

explorer = full_grid(one_each("orchestrator.hours", [1, 5, 20, 60, None]), {"optim.updates_per_epoch": 399})
