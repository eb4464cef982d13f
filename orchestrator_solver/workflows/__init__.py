"""What commands do beyond one run."""
