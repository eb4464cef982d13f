"""What notes say: instruments, tempo, key and melody of MIDI files, and their sound."""
