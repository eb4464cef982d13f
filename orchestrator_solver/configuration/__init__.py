"""Compose, check overrides, preflight."""
