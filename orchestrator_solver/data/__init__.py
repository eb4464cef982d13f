"""Manifest -> batches."""
