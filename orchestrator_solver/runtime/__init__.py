"""A process of a run: signals, random state, checkpoints, FSDP, progress."""
