"""What takes several steps: the demo, a grid on this machine, the shipped models, the doctor, export."""
