"""Scores of generated audio, one number a clip, and their confidence intervals."""
