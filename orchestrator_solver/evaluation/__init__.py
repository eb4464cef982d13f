"""Table 1: excerpts, rows, scores and how they are shown."""
