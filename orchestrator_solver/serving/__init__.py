"""A web page and an HTTP API, by which people who have no program of ours play their tunes on this machine's model."""
