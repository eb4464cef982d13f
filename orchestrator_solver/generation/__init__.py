"""A user's reference -> recording."""
