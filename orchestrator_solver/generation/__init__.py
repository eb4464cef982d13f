"""From a user's reference to a recording."""
