"""How long must it be trained, with a schedule of that length?

Epochs, of 200 updates at the embedded scale.

Cost a row: 5 to 46 hours of an A100, by the epochs; reckoned, never measured.
"""

from ._questions import full_grid, one_each

explorer = full_grid(one_each("optim.epochs", [5, 10, 25, 50]))
