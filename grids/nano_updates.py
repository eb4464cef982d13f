"""How long must it be trained, with a schedule of that length?

Epochs, of 200 updates at the embedded scale.

Cost a row: 5 minutes to an hour on 4 cores of a laptop.
"""

from ._questions import nano_grid, one_each

explorer = nano_grid(one_each("optim.epochs", [1, 3, 6, 12]))
