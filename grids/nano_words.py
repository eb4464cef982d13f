"""Does it matter what prompts call the instruments?

Slakh's 34 classes, or the sounds of General MIDI.

Cost a row: about half an hour on 4 cores of a laptop.
"""

from ._questions import nano_grid, one_each

explorer = nano_grid(one_each("orchestrator.instrument_words", ["classes", "midi"]))
