"""The Music Descriptor: caption + tempo + key -> sentence."""
