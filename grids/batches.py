"""Which learning rate does a batch of each size want?

Updates stay as many, so a larger batch sees more excerpts.

Cost a row: 11 to 46 hours of an A100, by the batch; reckoned, never measured.
"""

from ._questions import full_grid

explorer = full_grid(
    {
        f"batch-{size}-lr-{lr:g}": {"dataset.batch_size": size, "optim.lr": lr}
        for size in (32, 64, 128)
        for lr in (1e-5, 3e-5, 1e-4)
    },
    {"optim.optimizer": "adamw", "optim.updates_per_epoch": 399},
)
