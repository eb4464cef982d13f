"""Defects of a source: what each kind is, how it is found, and what is left out for it."""
