"""The paper from nothing to Table 1: steps over other commands, planned, run one after another, or on Slurm."""
