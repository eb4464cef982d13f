"""How far apart are runs that differ in nothing but their seed?

What another grid finds counts if it is more than that.

Cost a row: about half an hour on 4 cores of a laptop.
"""

from ._questions import nano_grid, one_each

explorer = nano_grid(one_each("seed", [2036, *range(1, 8)]))
