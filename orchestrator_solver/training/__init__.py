"""Training: the solvers, their loop, an update, its gradients."""
