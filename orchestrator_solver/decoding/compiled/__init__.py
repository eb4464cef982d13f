"""One position of a few rows through a transformer, by what numba compiles for the CPU."""
