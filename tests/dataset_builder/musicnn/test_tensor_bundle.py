"""TensorFlow's checkpoint format, on a hand-made file and on damaged ones."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from dataset_builder.errors import UserError
from dataset_builder.musicnn.tensor_bundle import TensorBundle

INSTALLED = Path(importlib.util.find_spec("musicnn").submodule_search_locations[0]) / "MTT_musicnn"


def varint(number: int) -> bytes:
    out = b""
    while number >= 128:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """Keys without shared prefixes, one restart, no compression, no checksum."""
    body = b"".join(varint(0) + varint(len(k)) + varint(len(v)) + k + v for k, v in entries)
    return body + (0).to_bytes(4, "little") + (1).to_bytes(4, "little") + b"\0" + b"\0" * 4


def make(folder: Path, entries: list[tuple[bytes, bytes]], data: bytes) -> Path:
    """A checkpoint `folder/model` with these index entries."""
    content = block(entries)
    index = block([(b"z", varint(0) + varint(len(content) - 5))])
    handles = varint(0) + varint(0) + varint(len(content)) + varint(len(index) - 5)
    footer = handles.ljust(40, b"\0") + 0xDB4775248B80FB57.to_bytes(8, "little")
    (folder / "model.index").write_bytes(content + index + footer)
    (folder / "model.data-00000-of-00001").write_bytes(data)
    return folder / "model"


def entry(shape: tuple[int, ...], offset: int, size: int, dtype: int = 1) -> bytes:
    dims = b"".join(field(2, field(1, dim)) for dim in shape)
    return field(1, dtype) + field(2, dims) + field(4, offset) + field(5, size) + varint(6 << 3 | 5) + b"\0" * 4


def test_reads_tensors_of_every_rank(tmp_path):
    matrix, number = np.arange(6, dtype="<f4").reshape(2, 3), np.array(7, "<i4")
    entries = [(b"", field(1, 1)), (b"a/kernel", entry((2, 3), 4, 24)), (b"step", entry((), 0, 4, dtype=3))]
    bundle = TensorBundle(make(tmp_path, entries, number.tobytes() + matrix.tobytes()))
    assert list(bundle.entries) == ["a/kernel", "step"]
    assert np.array_equal(bundle["a/kernel"], matrix) and bundle["step"] == 7
    with pytest.raises(UserError, match="no tensor 'b'"):
        bundle["b"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (entry((2, 3), 4, 24), "outside of the data file"),
        (entry((2, 3), 0, 20), "outside of the data file"),
        (entry((1 << 40, 1 << 40), 0, 4), "impossible shape"),
        (entry((1,), 0, 4, dtype=99), "unknown type"),
        (entry((1,), 0, 4) + field(7, b""), "partitioned"),
        (entry((1,), 0, 4)[:-2], "truncated"),
    ],
)
def test_impossible_entries_are_refused(tmp_path, bad, reason):
    with pytest.raises(UserError, match=reason):
        TensorBundle(make(tmp_path, [(b"a", bad)], b"\0" * 24))


def test_two_shards_are_refused(tmp_path):
    with pytest.raises(UserError, match="more than one shard"):
        TensorBundle(make(tmp_path, [(b"", field(1, 2)), (b"a", entry((1,), 0, 4))], b"\0" * 4))


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="not found"):
        TensorBundle(tmp_path / "model")
    make(tmp_path, [(b"a", entry((1,), 0, 4))], b"\0" * 4)
    (tmp_path / "model.index").write_bytes(b"not a table" * 10)
    with pytest.raises(UserError, match="no table footer"):
        TensorBundle(tmp_path / "model")


def test_a_data_file_that_shrank_is_noticed(tmp_path):
    bundle = TensorBundle(make(tmp_path, [(b"a", entry((4,), 0, 16))], b"\0" * 16))
    bundle.data_path.write_bytes(b"\0" * 10)
    with pytest.raises(UserError, match="ends inside tensor 'a'"):
        bundle["a"]


def test_musicnns_checkpoint_has_its_variables():
    bundle = TensorBundle(f"{INSTALLED}/")
    assert len(bundle.entries) == 150
    assert bundle["dense_1/kernel"].shape == (200, 50)
    assert bundle.entries["conv2d/kernel"].shape == (7, 38, 1, 204)


def test_damage_anywhere_is_an_error_or_harmless_never_a_crash(tmp_path):
    whole = (INSTALLED / ".index").read_bytes()
    size = (INSTALLED / ".data-00000-of-00001").stat().st_size
    with (tmp_path / "model.data-00000-of-00001").open("wb") as file:
        file.truncate(size)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        damaged = bytearray(whole)
        for position in rng.integers(0, len(whole), size=rng.integers(1, 4)):
            damaged[position] = rng.integers(0, 256)
        if rng.random() < 0.2:
            damaged = damaged[: rng.integers(0, len(whole))]
        (tmp_path / "model.index").write_bytes(damaged)
        try:
            TensorBundle(tmp_path / "model")
        except UserError:
            refused += 1
    assert refused > 100
