"""Where answers and captions are kept for all data sets of a user."""

import os
from pathlib import Path

import platformdirs

VARIABLE = "ORCHESTRATOR_CACHE"


def cache_folder(name: str) -> Path:
    """A folder of this name in the user's cache folder, or in the one that `ORCHESTRATOR_CACHE` names."""
    return Path(os.environ.get(VARIABLE) or platformdirs.user_cache_path("music-orchestrator")) / name
