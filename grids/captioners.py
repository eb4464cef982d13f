"""Does a better captioner make a better model?

Each is a data set, built with --captions of that name. They are data/slakh-captions-NAME.

Cost a row: 23 hours of an A100 (3 on the 8 it asks for), as docs/researchers.md reckons; never measured.
"""

from ._questions import data_sets, full_grid

explorer = full_grid(data_sets("data/slakh-captions", ["none", "musicnn", "chat", "mu-llama"]))
