"""The audit of all tracks of a source, in processes of their own."""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..runtime import atomic
from ..runtime.process_pool import parallel_map
from ..sources.registry import READERS
from .defects import KINDS, Defect
from .track_audit import audit_track


def audit_source(source: str, root: Path, workers: int) -> list[Defect]:
    """The defects of every track below `root`, in order of the tracks' names.

    Raises:
        UserError: if there is no track.
    """
    tracks = READERS[source].find_tracks(root)
    with tempfile.TemporaryDirectory() as folder:
        results = [Path(folder) / f"{path.name}.json" for _, path in tracks]
        jobs = [(source, path, split, result) for (split, path), result in zip(tracks, results, strict=True)]
        parallel_map(_audit_one, jobs, workers, "audit")
        return [Defect(**line) for result in results for line in json.loads(result.read_text())]


def _audit_one(source: str, folder: Path, split: str, result: Path) -> None:
    atomic.write_json(result, [defect.to_json() for defect in audit_track(source, folder, split)])


def summary(defects: Sequence[Defect], chosen: Mapping[str, str]) -> str:
    """How many defects of each kind there are, and what is done about them."""
    counts = Counter(defect.kind for defect in defects)
    if not counts:
        return "no defects"
    lines = [f"{count:6}  {kind:16} {chosen[kind]:5} {KINDS[kind].meaning}" for kind, count in counts.most_common()]
    return "\n".join(["1 defect" if len(defects) == 1 else f"{len(defects)} defects", *lines])
