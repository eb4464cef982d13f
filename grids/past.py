"""Does a model listen more to prompt and reference if its own past is hidden from it now and then?

Up to a share of a target's frames is hidden in training (orchestrator.past_dropout); 0 is the paper's way.

Cost a row: 23 hours of an A100 (3 on the 8 it asks for), as docs/researchers.md reckons; never measured.
"""

from ._questions import full_grid, one_each

explorer = full_grid(one_each("orchestrator.past_dropout", [0.0, 0.5, 1.0]))
