"""At which guidance does a model play best, by which score?

Nothing is trained: each row plays and scores the published weights.

Cost a row: about an hour of an A100; a guess, never measured.
"""

from ._questions import full_grid, one_each

WEIGHTS = {"execute_only": "evaluate", "continue_from": "//pretrained/facebook/musicgen-melody"}
explorer = full_grid(one_each("classifier_free_guidance.inference_coef", [1.0, 2.0, 3.0, 6.0, 9.0]), WEIGHTS, gpus=1)
