"""What is done with takes: the best is chosen, they are mixed, written down as MIDI, and made anew in part."""
