"""Does a better captioner make a better model?

Each is a data set, built with --captions of that name. They are data/nano-captions-NAME.

Cost a row: about half an hour on 4 cores of a laptop.
"""

from ._questions import data_sets, nano_grid

explorer = nano_grid(data_sets("data/nano-captions", ["none", "musicnn", "chat"]))
