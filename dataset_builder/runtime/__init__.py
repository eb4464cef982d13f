"""Writing whole files, locks, hashes, processes, shards."""
