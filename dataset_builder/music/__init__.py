"""Instruments, MIDI, tempo, key, MIDI to sound."""
