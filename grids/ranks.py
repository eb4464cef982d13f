"""How many ranks does LoRA need to keep up with training everything?

Rank 0 trains everything.

Cost a row: 23 hours of an A100 and half as much again for activation checkpointing; reckoned, never measured.
"""

from ._questions import full_grid, one_each

explorer = full_grid(one_each("lora.rank", [4, 16, 64]), solver="orchestrator_lora", gpus=1)
