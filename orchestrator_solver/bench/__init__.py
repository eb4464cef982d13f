"""Measurements that the README and the model cards quote, each a command: `orchestrator bench NAME`."""
