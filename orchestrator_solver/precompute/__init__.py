"""Fill the stores with the frozen encoders."""
