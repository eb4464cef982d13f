"""Captioners: each turns audio into a text of what it sounds like."""
