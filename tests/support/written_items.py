"""Items on disk, as a build leaves them."""

from collections.abc import Sequence
from pathlib import Path

from dataset_builder.dataset import manifest
from dataset_builder.items.item import Item
from dataset_builder.runtime import atomic


def write_items(root: Path, items: Sequence[Item]) -> None:
    """Write the sidecars of items, and the manifests of all splits."""
    for item in items:
        atomic.write_bytes(root / manifest.item_path(item.id), manifest.sidecar_bytes(item))
    for split in manifest.SPLITS:
        lines = [manifest.meta_line(item) for item in items if item.split == split]
        atomic.write_json_gz(root / manifest.split_path(split), lines)
