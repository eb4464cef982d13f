"""How many submixes of each size help?

Each is a data set, built with --submixes of that many. They are data/nano-submixes-NAME.

Cost a row: about half an hour on 4 cores of a laptop.
"""

from ._questions import data_sets, nano_grid

explorer = nano_grid(data_sets("data/nano-submixes", ["0", "1", "3", "6"]))
