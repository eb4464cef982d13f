"""Language model and full-size conditioners, built and loaded."""
