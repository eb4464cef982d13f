"""The Music Descriptor: from caption, tempo and key to one sentence."""
