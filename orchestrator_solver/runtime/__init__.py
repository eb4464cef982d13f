"""What a run's processes need: signals, random state, checkpoints, sharding, progress."""
