"""Defects of a source; what is left out and why."""
