"""Scores as notation programs write them (MusicXML): read within bounds, and made MIDI."""
