"""Slakh2100 redux as published: an archive of 104 GB, its address and checksum, and how it is got and unpacked."""

from collections.abc import Iterator
from pathlib import Path

from dataset_builder.sources.slakh_index import published

from .step import Lack, Step, Takes

NAME = "slakh2100_flac_redux.tar.gz"
URL = f"https://zenodo.org/records/4599666/files/{NAME}"
MD5 = "f4b71b6c45ac9b506f59788456b3f0c4"  # as mirdata has it
GIGABYTES = 104.0  # of the archive, and about as much unpacked
FOLDERS = ("train", "validation", "test")
_DOWNLOAD = 'curl --fail --location --create-dirs --continue-at - --output "$0.part" "$1" && mv "$0.part" "$0"'
_CHECK = 'echo "$1  $0" | md5sum --check'
_LINE, _DISK = 20e6, 150e6  # bytes a second, assumed


def steps(archive: Path, root: Path, fetch: bool) -> list[Step]:
    """Download (only if that was asked for), check and unpack the archive; `root` is what is unpacked."""
    hours = GIGABYTES * 1e9 / 3600
    lack = Lack(
        f"no {archive} (104 GB, MD5 {MD5}, {URL}): put it there, add --fetch to download it, or name an unpacked copy "
        "by --root"
    )
    return [
        Step(
            "fetch", f"Slakh2100's archive, {archive}", ("bash", "-c", _DOWNLOAD, str(archive), URL),
            Takes(hours / _LINE, GIGABYTES, rule="104 GB at 20 MB/s, assumed"), lacks=lambda: () if fetch else (lack,),
            is_there=archive.is_file,
        ),
        Step(
            "checksum", "the proof that it is the published one (MD5)", ("bash", "-c", _CHECK, str(archive), MD5),
            Takes(hours / _DISK, rule="104 GB at 150 MB/s, assumed"),
        ),
        Step(
            "unpack", f"its tracks in {root}", ("tar", "-xzf", str(archive), "-C", str(root.parent)),
            Takes(hours / _DISK, GIGABYTES, rule="104 GB at 150 MB/s, assumed"), (root,),
            whole=lambda: not list(lacking(root)),
        ),
    ]  # fmt: skip


def lacking(root: Path) -> Iterator[Lack]:
    """What an unpacked copy lacks of the published tracks, by the names of its folders."""
    if not root.is_dir():
        yield Lack(f"no folder {root}: unpack Slakh2100 redux there, or name it by --root")
        return
    there = {path.name for folder in FOLDERS for path in (root / folder).glob("Track*")}
    wanted = {track.id for track in published("redux")}
    if gone := sorted(wanted - there):
        yield Lack(
            f"{root} has not {len(gone)} of the {len(wanted)} tracks of redux, such as {gone[0]}: unpack it again"
        )
