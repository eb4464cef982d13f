"""Makes again what is torn or missing in a data set: from the tracks' results, and torn results from the source."""

from pathlib import Path

from ..dataset import manifest, materialise
from ..dataset.finalize import SUMS
from ..errors import UserError
from ..items.track_results import FOLDER as RESULTS
from ..runtime.checksums import digest_if_there, read_checksums
from .build import make_again


def repair(root: Path, workers: int = 1) -> None:
    """Make again what is torn or missing; what is whole stays, and no result of a track is lost.

    Raises:
        UserError: if there is no data set, the source is not there, or it cannot be made.
    """
    manifest.read_origin(root)  # before anything is removed: it has to be a data set, and hold its own folders
    materialised = (root / materialise.SUMS).is_file()
    _remove_torn(root, SUMS, f"{RESULTS}/")
    make_again(root, workers)
    if materialised:
        _remove_torn(root, materialise.SUMS, "items/")
        materialise.materialise(root, workers)


def _remove_torn(root: Path, sums: str, folder: str) -> None:
    """Remove the files of a folder whose hash is wrong, so that they are made again; and a list that is torn itself."""
    try:
        digests = read_checksums(root / sums)
    except UserError:
        (root / sums).unlink(missing_ok=True)
        return
    for name, digest in digests.items():
        if name.startswith(folder) and digest_if_there(root / name) != digest:
            (root / name).unlink(missing_ok=True)
