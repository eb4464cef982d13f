"""Beat, tempo, key and level of a take, beside those of what it was to follow."""
