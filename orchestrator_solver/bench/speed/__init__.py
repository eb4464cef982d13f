"""How fast things are, against named peers."""
