"""Everything done to audiocraft, flashy, torch, demucs."""
