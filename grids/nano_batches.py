"""Which learning rate does a batch of each size want?

Updates stay as many, so a larger batch sees more excerpts.

Cost a row: a quarter of an hour to an hour on 4 cores of a laptop.
"""

from ._questions import nano_grid

explorer = nano_grid(
    {
        f"batch-{size}-lr-{lr:g}": {"dataset.batch_size": size, "optim.lr": lr}
        for size in (8, 16, 32)
        for lr in (3e-4, 1e-3, 3e-3)
    }
)
