"""What frozen models know of audio and text: chroma, pitch classes, separation, and their stores."""
