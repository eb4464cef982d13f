"""At which guidance does a model play best, by which score?

Nothing is trained: each row plays and scores the shipped model.

Cost a row: minutes on 4 cores of a laptop.
"""

from ._questions import nano_grid, one_each

WEIGHTS = {"execute_only": "evaluate", "continue_from": "//pretrained/nano"}
explorer = nano_grid(one_each("classifier_free_guidance.inference_coef", [1.0, 2.0, 3.0, 6.0, 9.0]), WEIGHTS)
