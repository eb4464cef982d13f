"""What is one instrument: a stem, a family, or a class of them?

Each is a data set, built with --grouping of that name. They are data/slakh-grouping-NAME.

Cost a row: 23 hours of an A100 (3 on the 8 it asks for), as docs/researchers.md reckons; never measured.
"""

from ._questions import data_sets, full_grid

explorer = full_grid(data_sets("data/slakh-grouping", ["stem", "family", "class"]))
