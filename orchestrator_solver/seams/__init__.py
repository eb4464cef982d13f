"""Everything that is replaced in audiocraft, flashy, torch and demucs: `registry` is the list."""
