"""The embedded default's own networks, which nothing at full size needs."""
