"""What any program needs: whole files, locks, hashes, processes, shards."""
