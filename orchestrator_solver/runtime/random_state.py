"""The state of all random generators of a process: saved with a run, and set anew for every step."""

import random
from typing import Any

import numpy as np
import torch

from dataset_builder.seeds import seed_of


def seed_all(*parts: str | int) -> None:
    """Seed Python's, numpy's and torch's generators, of all devices, by ids."""
    seed = seed_of(*parts)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed % 2**63)


class RandomState:
    """Python's, numpy's and torch's generators as a part of a checkpoint."""

    def state_dict(self) -> dict[str, Any]:
        """The state of each; of CUDA's a list by device, empty without."""
        return {
            "python": random.getstate(),
            "numpy": np.random.get_state(),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Set all generators; those of CUDA only with as many devices as were saved."""
        random.setstate(state["python"])
        np.random.set_state(state["numpy"])
        torch.set_rng_state(state["torch"])
        if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state["cuda"])
