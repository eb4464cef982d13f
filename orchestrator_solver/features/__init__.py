"""Chroma, pitch classes, separation, and the stores of features."""
