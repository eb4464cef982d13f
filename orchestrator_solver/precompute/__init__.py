"""Fills the stores with what frozen models compute of a data set."""
