"""A folder of tracks -> Track, Stem."""
