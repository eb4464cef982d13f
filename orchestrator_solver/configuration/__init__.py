"""A run's configuration: composed, checked for mistakes, and for what the machine lacks."""
