"""How many hours of tracks does it take?

Whole works, fewer of which are among more of them (orchestrator.hours); updates stay as many.

Cost a row: about half an hour on 4 cores of a laptop.
"""

from ._questions import nano_grid, one_each

explorer = nano_grid(one_each("orchestrator.hours", [0.1, 0.2, 0.4, None]))
