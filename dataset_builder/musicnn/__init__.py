"""musicnn's tagger: its network, and its weights as they are published."""
