"""From Slakh2100, or any stems with MIDI, to a described and paired data set. Imports no torch at import time."""
