"""What can be seen of a run while it goes: scalars, a progress bar, tables of samples, a dashboard."""
