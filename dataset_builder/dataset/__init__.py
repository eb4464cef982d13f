"""The data set on disk: manifest, excerpts, costs, report, files, integrity."""
