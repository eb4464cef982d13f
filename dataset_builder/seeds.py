"""Random numbers that depend on ids alone, so that the number of workers changes nothing."""

import hashlib
import json

import numpy as np


def seed_of(*parts: str | int | float) -> int:
    """A 64-bit seed of ids; equal ids give equal seeds on every machine."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:8], "little")


def rng_for(*parts: str | int | float) -> np.random.Generator:
    """A generator seeded by ids."""
    return np.random.default_rng(seed_of(*parts))
