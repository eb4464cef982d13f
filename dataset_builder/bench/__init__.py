"""Measurements of the builder's speed, both sides in one run."""
