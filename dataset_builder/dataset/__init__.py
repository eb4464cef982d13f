"""A data set on disk: manifest, excerpts, files, costs, report, and the proof that it is whole."""
