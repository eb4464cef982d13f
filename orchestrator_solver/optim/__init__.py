"""Optimizers of the recipe."""
