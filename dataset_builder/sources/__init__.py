"""Sources of tracks: each reads a folder's layout and hands over tracks and their stems."""
