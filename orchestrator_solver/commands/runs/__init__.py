"""Commands about many runs, or all steps to one: a grid, how runs compare, the paper from nothing to Table 1."""
