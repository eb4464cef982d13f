"""What should a target be conditioned on?

Itself, as in the paper; a stem; anything of its track; half and half.

Cost a row: 23 hours of an A100 (3 on the 8 it asks for), as docs/researchers.md reckons; never measured.
"""

from ._explorer import POLICIES
from ._questions import full_grid

explorer = full_grid(POLICIES)
