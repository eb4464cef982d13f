"""States of texts on disk: few files, each text computed once, torn files made again, and read with the prompt."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save

from orchestrator_solver.features.conditions import EncodedText
from orchestrator_solver.features.store_reader import EncoderIdentity, StoreReader
from orchestrator_solver.features.text_store import TextStore, bucket_of


def _tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_texts_are_kept_in_few_files_and_torn_ones_made_again(tmp_path: Path) -> None:
    texts = [f"text number {n}" for n in range(700)]
    asked: list[str] = []

    def encode(new: list[str]) -> list[torch.Tensor]:
        asked.extend(new)
        return [torch.full((len(text) % 3 + 1, 4), float(len(text) + texts.index(text))) for text in new]

    def run(wanted: list[str]) -> None:
        store = TextStore(tmp_path, "encoder")
        for bucket, new in store.missing(wanted).items():
            store.add(bucket, new, encode)

    run(texts[:300])
    run(texts)
    assert sorted(asked) == sorted(texts), "each once"
    store = TextStore(tmp_path, "encoder")
    assert len(list(store.folder.iterdir())) <= 256
    assert all(torch.equal(store.find(text), encode([text])[0].half()) for text in texts[::7])
    assert store.find("never asked") is None
    files = _tree(store.folder)
    victim = store.folder / next(iter(files))
    victim.write_bytes(files[victim.name][:-3])
    run(texts)
    assert _tree(store.folder) == files
    data = files[victim.name]
    for place in (-1, len(data) // 2, 12, data.index(b"text number") + 13):
        flipped = bytearray(data)
        flipped[place] ^= 1
        victim.write_bytes(flipped)
        assert TextStore(tmp_path, "encoder").missing(texts), f"byte {place} is another"
        run(texts)
        assert _tree(store.folder) == files


@pytest.mark.parametrize(
    "metadata",
    [None, {"proof": "null"}, {"proof": "[]"}, {"proof": "{}"}, {"proof": '{"sum": 1, "places": 1}'}, {"proof": "{"},
     {"proof": '{"sum": "", "places": {"text": [0, {}]}}'}, {"proof": "[" * 100_000}, {"places": '{"text": [0, 9]}'}],
)  # fmt: skip
def test_a_file_that_no_store_wrote_is_made_again(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    store, bucket = TextStore(tmp_path, "encoder"), bucket_of("text")
    store.folder.mkdir(parents=True)
    for arrays in ({"states": np.zeros((9, 4), np.float16)}, {"others": np.zeros(3)}):
        (store.folder / f"{bucket:02x}.safetensors").write_bytes(save(arrays, metadata))
        store = TextStore(tmp_path, "encoder")
        assert store.find("text") is None and store.missing(["text"]) == {bucket: ["text"]}
        store.add(bucket, ["text"], lambda texts: [torch.ones(2, 4) for _ in texts])
        assert torch.equal(store.find("text"), torch.ones(2, 4).half())


def test_a_prompt_brings_its_states(tmp_path: Path) -> None:
    """One that the store lacks says so; where no text encoder is frozen, a prompt is nothing but its words."""
    texts = TextStore(tmp_path, "encoder")
    for bucket, new in texts.missing(["known"]).items():
        texts.add(bucket, new, lambda wanted: [torch.ones(2, 4) for _ in wanted])
    identity = EncoderIdentity("codec", 25.0, "melody", 15.625, 25, "encoder")
    known, unknown = (StoreReader(tmp_path, identity).prompt(text) for text in ("known", "unknown"))
    assert known == "known" and isinstance(known, EncodedText) and torch.equal(known.states, torch.ones(2, 4).half())
    assert unknown == "unknown" and isinstance(unknown, EncodedText) and unknown.states is None
    plain = StoreReader(tmp_path, EncoderIdentity("codec", 25.0, "melody", 15.625, 25)).prompt("known")
    assert type(plain) is str
