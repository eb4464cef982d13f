"""What should a target be conditioned on?

Itself, as in the paper; a stem; anything of its track; half and half.

Cost a row: about half an hour on 4 cores of a laptop.
"""

from ._explorer import POLICIES
from ._questions import nano_grid

explorer = nano_grid(POLICIES)
