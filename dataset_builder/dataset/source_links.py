"""Links among the files of a data set's source: followed as the build followed them, and no further.

A data set of somebody else's may bring its source with it, with links to whatever the reader of the data set owns.
"""

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from ..audit.defects import USE, policies
from ..errors import UserError
from ..items.item import Item
from .manifest import SOURCE_VARIABLE, read_origin, source_root


def follows_links(policy: Iterable[str]) -> bool:
    """Whether links out of tracks are followed: a build with this policy did, or whoever reads names the source.

    Args:
        policy: of the build, such as `link-out=use`.
    """
    return bool(os.environ.get(SOURCE_VARIABLE)) or policies(policy)["link-out"] == USE


def require_held(item: Item, root: Path) -> None:
    """See that an item's files are in the source, and not elsewhere, where links lead to.

    A track's folder may itself be a link. All links are followed if the data set was built so (`link-out=use`), or if
    whoever reads it names the source (`ORCHESTRATOR_SOURCE_ROOT`).

    Raises:
        UserError: if one is elsewhere.
    """
    if os.environ.get(SOURCE_VARIABLE):
        return
    base = source_root(root)
    for path in item.files:
        _require_held(root, base, path, item.track)


@lru_cache(maxsize=1 << 16)
def _require_held(root: Path, base: Path, path: str, track: str) -> None:
    real = os.path.realpath(base / path)
    folders = [base, *(base / folder for folder in Path(path).parents if folder.name == track)]
    if any(Path(real).is_relative_to(os.path.realpath(folder)) for folder in folders):
        return
    if not follows_links(read_origin(root).settings.get("policy", ())):
        raise UserError(
            f"{base / path} is a link to {real}, out of the source: if it is right, name the source yourself "
            f"({SOURCE_VARIABLE}={base})"
        )
