"""What takes several steps: the demo, grids on this machine, the shipped models, the doctor, export."""
