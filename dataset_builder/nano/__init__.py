"""The embedded corpus: works of music21's package, arranged and rendered in Slakh's layout."""
