"""Commands about many runs: a grid of them started one after the other, and how they compare."""
