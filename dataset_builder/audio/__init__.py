"""Sound files: reading and decoding them, summing stems, and when something sounds."""
