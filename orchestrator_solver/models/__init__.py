"""The language model with its conditioners: built from a configuration, loaded from a package."""
