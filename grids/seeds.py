"""How far apart are runs that differ in nothing but their seed?

What another grid finds counts if it is more than that.

Cost a row: 23 hours of an A100 (3 on the 8 it asks for), as docs/researchers.md reckons; never measured.
"""

from ._questions import full_grid, one_each

explorer = full_grid(one_each("seed", [2036, 1, 2]))
