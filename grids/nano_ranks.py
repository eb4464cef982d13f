"""How many ranks does LoRA need to keep up with training everything?

Rank 0 trains everything.

Cost a row: about half an hour on 4 cores of a laptop.
"""

from ._questions import nano_grid, one_each

explorer = nano_grid(one_each("lora.rank", [0, 2, 8, 32]))
