"""The embedded default's networks."""
