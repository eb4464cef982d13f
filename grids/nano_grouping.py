"""What is one instrument: a stem, a family, or a class of them?

Each is a data set, built with --grouping of that name. They are data/nano-grouping-NAME.

Cost a row: about half an hour on 4 cores of a laptop.
"""

from ._questions import data_sets, nano_grid

explorer = nano_grid(data_sets("data/nano-grouping", ["stem", "family", "class"]))
