"""Stages joined: items, captions, descriptions, finalize; jobs; repair."""
