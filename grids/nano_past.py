"""Does a model listen more to prompt and reference if its own past is hidden from it now and then?

Up to a share of a target's frames is hidden in training (orchestrator.past_dropout); 0 is the paper's way.

Cost a row: about half an hour on 4 cores of a laptop.
"""

from ._questions import nano_grid, one_each

explorer = nano_grid(one_each("orchestrator.past_dropout", [0.0, 0.5, 1.0]))
