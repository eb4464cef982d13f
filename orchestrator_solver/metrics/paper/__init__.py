"""The paper's KL and CLAP, and KL corrected: scores by networks that others publish."""
