"""What can be concluded from scores: intervals, differences that are none, how many clips a difference needs."""
