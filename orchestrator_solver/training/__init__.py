"""Solver, loop, update, gradients."""
