"""Where the project and its runs are."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def run_folder() -> Path:
    """Where this project's own runs live: the one place whose checkpoints are trusted."""
    from audiocraft.environment import AudioCraftEnvironment

    return Path(AudioCraftEnvironment.get_dora_dir()).resolve() / "xps"
