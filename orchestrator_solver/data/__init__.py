"""From the manifest to batches: which item, which excerpt, which reference."""
