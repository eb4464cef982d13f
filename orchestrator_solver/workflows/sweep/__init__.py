"""A grid's rows on this machine, several at once, where `dora grid` would want Slurm."""
