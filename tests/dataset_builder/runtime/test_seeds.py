"""Seeds depend on all that they are made of, and on nothing else."""

import numpy as np

from dataset_builder.seeds import rng_for, seed_of


def test_seeds_depend_on_all_parts_and_nothing_else():
    assert seed_of("a", 1) == seed_of("a", 1) == 7101513281160107814
    assert len({seed_of("a", 1), seed_of("a1"), seed_of("a", "1"), seed_of("a", 1, 0)}) == 4
    assert np.array_equal(rng_for("x").random(4), rng_for("x").random(4))
