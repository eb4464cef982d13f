"""What is known of a file that is played from: which part of it, its samples, whether it is one instrument."""
