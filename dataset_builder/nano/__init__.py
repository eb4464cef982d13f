"""The embedded corpus (renders Slakh's layout)."""
