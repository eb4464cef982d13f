"""Weights on disk and at the hub, read without unpickling."""
