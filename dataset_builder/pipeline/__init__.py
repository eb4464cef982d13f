"""A data set's making from end to end: its stages joined, shared by machines, resumed and repaired."""
