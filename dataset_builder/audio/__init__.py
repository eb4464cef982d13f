"""Reading, decoding, mixing, when something sounds."""
