"""The lab notebook: each module is a set of experiments, run on Slurm by `dora grid NAME`, or on this machine by
`orchestrator sweep NAME`."""
