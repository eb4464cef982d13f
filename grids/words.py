"""Does it matter what prompts call the instruments?

Slakh's 34 classes, or the sounds of General MIDI.

Cost a row: 23 hours of an A100 (3 on the 8 it asks for), as docs/researchers.md reckons; never measured.
"""

from ._questions import full_grid, one_each

explorer = full_grid(one_each("orchestrator.instrument_words", ["classes", "midi"]))
