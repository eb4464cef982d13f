"""Which data set a folder is for, and which shards of it are not there yet."""

from pathlib import Path
from typing import Any

from ..dataset import manifest
from ..errors import UserError
from ..items.track_results import result_path
from ..runtime import locks
from ..runtime.shards import Shard
from .settings import BuildSettings
from .track_list import TrackList


def claim(settings: BuildSettings, source: TrackList) -> None:
    """Record what is being built.

    Raises:
        UserError: if something else is being built in the folder, or of another source.
    """
    wanted = manifest.Origin(source.recorded, settings.fingerprint())
    if not (settings.out / manifest.ORIGIN).is_file():
        manifest.write_origin(settings.out, wanted)
        return
    found = manifest.read_origin(settings.out)
    if differing := _differing(found.settings, wanted.settings):
        raise UserError(
            f"{settings.out} holds a data set with other settings ({differing}): choose another --out, or remove it"
        )
    if found.source_root != source.recorded:
        raise UserError(
            f"{settings.out} was built from {found.source_root}, not {source.recorded}: if the source has moved, run "
            f"`python -m dataset_builder relocate {settings.out} --source {source.recorded}`"
        )


def _differing(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """The settings that differ, such as `submixes 1, not 3`."""
    names = [name for name in {**wanted, **found} if found.get(name) != wanted.get(name)]
    return ", ".join(f"{name} {found.get(name)}, not {wanted.get(name)}" for name in names)


def refuse_if_lacking(out: Path, source: TrackList) -> None:
    """See that every track has a result.

    Raises:
        UserError: if not; it names the shards to run, as far as those that were begun tell how many there are.
    """
    names = source.names
    missing = [name for name in names if not result_path(out, name).is_file()]
    if not missing:
        return
    counts = {Shard.parse(name.removeprefix("shard-").replace("-of-", "/")).count for name in locks.shards(out)}
    found = f"{len(missing)} of {len(names)} tracks, such as {missing[0]}"
    if len(counts) != 1:
        raise UserError(f"{out} lacks {found}: run the shards that are missing, then merge again")
    count = counts.pop()
    shards = [Shard(index, count) for index in range(1, count + 1)]
    lacking = [str(shard) for shard in shards if set(shard.of(names)) & set(missing)]
    raise UserError(f"{out} lacks {found}, of shard {', '.join(lacking)}: run them (build --shard), then merge again")
