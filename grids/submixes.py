"""How many submixes of each size help?

Each is a data set, built with --submixes of that many. They are data/slakh-submixes-NAME.

Cost a row: 23 hours of an A100 (3 on the 8 it asks for), as docs/researchers.md reckons; never measured.
"""

from ._questions import data_sets, full_grid

explorer = full_grid(data_sets("data/slakh-submixes", ["0", "1", "3", "6"]))
