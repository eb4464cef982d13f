"""Notes heard in audio, by Basic Pitch's network, and how many of a tune's notes a take plays."""
