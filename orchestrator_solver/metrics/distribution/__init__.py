"""How far what is played is from what is recorded, as a set: distances of embeddings, and their intervals."""
