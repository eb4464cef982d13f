"""Doors of models and of what they made: packages, published files, stores, tables."""

import io
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from support.tiny_models import lm_config, save_models

from dataset_builder.dataset import manifest
from dataset_builder.errors import UserError
from dataset_builder.music.instruments import CLASSES
from dataset_builder.runtime.checksums import digest_of
from orchestrator_solver.evaluation.table import Column, Difference, Line, Table
from orchestrator_solver.evaluation.table_formats import to_json
from orchestrator_solver.features.feature_store import Entry, Store
from orchestrator_solver.features.pitch_classes import PitchCache
from orchestrator_solver.features.text_store import TextStore, bucket_of
from orchestrator_solver.metrics.clips import Clips
from orchestrator_solver.metrics.instruments import Instruments
from orchestrator_solver.metrics.recogniser import CARD, SAMPLE_RATE, WEIGHTS, Recogniser, RecogniserNet
from orchestrator_solver.models import loading
from orchestrator_solver.page.build import read_tables
from orchestrator_solver.statistics.bootstrap import Interval
from orchestrator_solver.statistics.significance import Test
from orchestrator_solver.weights import safe_load
from orchestrator_solver.weights.package import load
from orchestrator_solver.weights.published import published

from .data_sets import tiny_set
from .door import Door, Opened
from .mutation import Mutate, bytes_of, json_of, safetensors_of, yaml_of, zip_of
from .sources import put

ITEM, TEXT = "Track00001-mix", "violin, drums. A calm piece."


def _built(folder: Path, kind: str) -> object:
    """As `orchestrate` loads a model."""
    if kind == "lm":
        return len(loading.build_lm_from_package(load(str(folder), "lm")).state_dict())
    return len(loading.load_codec_package(str(folder)).state_dict())


def _open_description(kind: str, hashed: bool) -> Callable[[Path], Opened]:
    """model.json of a package: with the hash over all of it, or as whoever shares a model can make it fit."""

    def opened(folder: Path) -> Opened:
        path = save_models(folder).parent / kind / "model.json"
        values = json.loads(path.read_text())
        if not hashed:
            del values["sha256_of_all"]

        def read(data: bytes) -> object:
            put(path, data)
            _built(path.parent, kind)
            found = json.loads(data)
            if hashed and "sha256_of_all" not in found:
                raise UserError("it has no hash, as models of before: the door beside this one")
            return found

        return Opened([json.dumps(values).encode()], read)

    return opened


def _open_weights(hashed: bool) -> Callable[[Path], Opened]:
    """model.safetensors of a package, with the hash of before or its own."""

    def opened(folder: Path) -> Opened:
        path = save_models(folder).parent / "codec/model.safetensors"
        values = json.loads((path.parent / "model.json").read_text())
        values.pop("sha256_of_all")

        def read(data: bytes) -> object:
            put(path, data)
            if not hashed:
                put(path.parent / "model.json", json.dumps({**values, "sha256": digest_of(path)}).encode())
            return _built(path.parent, "codec")

        return Opened([path.read_bytes()], read)

    return opened


def _saved(contents: object) -> bytes:
    file = io.BytesIO()
    torch.save(contents, file)
    return file.getvalue()


def _published(folder: Path) -> dict[str, object]:
    """A language model as audiocraft publishes it, but small."""
    state = load(str(save_models(folder)), "lm").state
    from omegaconf import OmegaConf

    return {"best_state": state, "xp.cfg": OmegaConf.to_yaml(lm_config(folder / "codec")), "version": "1.3.0"}


def _open_published(folder: Path) -> Opened:
    contents, path = _published(folder), folder / "state_dict.bin"

    def read(data: bytes) -> object:
        put(path, data)
        return len(loading.build_lm_from_package(published(str(path))).state_dict())

    return Opened([_saved(contents)], read)


def _open_published_cfg(folder: Path) -> Opened:
    """Its configuration alone, which a stranger wrote."""
    contents, path = _published(folder), folder / "state_dict.bin"

    def read(data: bytes) -> object:
        put(path, _saved({**contents, "xp.cfg": data.decode(errors="replace")}))
        return len(loading.build_lm_from_package(published(str(path))).state_dict())

    return Opened([str(contents["xp.cfg"]).encode()], read)


def _open_separator(folder: Path) -> Opened:
    package = {"klass": "x", "args": (), "kwargs": {"segment": Fraction(39, 5)}, "state": {"w": torch.zeros(3)}}

    def read(data: bytes) -> object:
        put(folder / "x.th", data)
        return type(safe_load.read(folder / "x.th", "demucs"))

    return Opened([_saved(package)], read)


def _open_clap(folder: Path) -> Opened:
    def read(data: bytes) -> object:
        put(folder / "x.pt", data)
        return {name: tuple(value.shape) for name, value in safe_load.read_clap(folder / "x.pt").items()}

    return Opened([_saved({"epoch": 1, "state_dict": {"module.a": torch.zeros(2, 3), "b": torch.ones(1)}})], read)


def _open_passt(folder: Path) -> Opened:
    network = torch.nn.Linear(3, 2)

    def read(data: bytes) -> object:
        put(folder / "x.pt", data)
        safe_load.fill(network, safe_load.read_passt(folder / "x.pt"), folder / "x.pt")
        return None

    return Opened([_saved(network.state_dict())], read)


def _open_store(folder: Path) -> Opened:
    root = tiny_set(folder)
    (item,) = [item for item in manifest.load(root, "train") if item.id == ITEM]
    content = {ITEM: "0" * 64}  # of what it was made: any text
    before = Store(root, "codec", "chroma")
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 2048, (4, 75), generator=generator)
    before.put(item.track, content, {ITEM: Entry(codes, torch.randint(-1, 12, (90,), generator=generator))})
    (path,) = before.folder.iterdir()

    def read(data: bytes) -> object:
        put(path, data)
        store = Store(root, "codec", "chroma")
        store.has(item.track, content)
        return store.codes(item, 3, 80).tolist(), store.pitch_classes(item, 3, 80).tolist()

    return Opened([path.read_bytes()], read)


def _open_texts(folder: Path) -> Opened:
    others = [text for text in map(str, range(2000)) if bucket_of(text) == bucket_of(TEXT)]
    TextStore(folder, "encoder").add(bucket_of(TEXT), [TEXT, *others], lambda texts: [
        torch.arange(4.0 * len(text)).reshape(-1, 4) for text in texts])  # fmt: skip
    (path,) = folder.rglob("*.safetensors")

    def read(data: bytes) -> object:
        put(path, data)
        store = TextStore(folder, "encoder")
        found = [store.find(text) for text in [TEXT, *others]]
        if any(states is None for states in found):
            assert store.missing([TEXT, *others]), "what is not found has to be made again"
            raise UserError("absent")
        return [states.tolist() for states in found if states is not None]

    return Opened([path.read_bytes()], read)


def _open_pitches(folder: Path) -> Opened:
    PitchCache(folder).put("0123", torch.arange(-1, 12))

    def read(data: bytes) -> object:
        put(folder / "01/0123.npy", data)
        return PitchCache(folder).get("0123")

    return Opened([(folder / "01/0123.npy").read_bytes()], read)


def _open_table(folder: Path) -> Opened:
    interval = Interval(0.5, 0.4, 0.6, 8, 2, 0)
    line = Line("baseline", "without", "self", {"sim": interval})
    sides = ("finetuned", "with"), ("baseline", "with")
    difference = Difference(*sides, "self", {"sim": interval}, {"sim": Test(0.01, 0.02, 0.1)})
    table = Table((Column("sim", "SIM", True),), (line,), (difference,), about={"clips": 8})

    def read(data: bytes) -> object:
        put(folder / "table1.json", data)
        return read_tables(folder / "table1.json")

    return Opened([json.dumps(to_json(table)).encode()], read)


def _open_recogniser(name: str) -> Callable[[Path], Opened]:
    """A recogniser's card, or its weights with their own hash, which a stranger can make fit."""

    def opened(folder: Path) -> Opened:
        torch.manual_seed(0)
        save_file({name: value.half() for name, value in RecogniserNet().state_dict().items()}, folder / WEIGHTS)
        card = {
            "sha256": digest_of(folder / WEIGHTS),
            "trained on": {"violin": 3},
            "threshold": dict.fromkeys(CLASSES, 0.5),
            "groups": [["violin", "viola"], ["drums"]],
            "threshold of groups": [0.5, 0.4],
        }
        put(folder / CARD, json.dumps(card).encode())

        def read(data: bytes) -> object:
            put(folder / name, data)
            if name == WEIGHTS:
                put(folder / CARD, json.dumps({**card, "sha256": digest_of(folder / WEIGHTS)}).encode())
            ear = Instruments(recogniser=Recogniser.load(folder), grouped=True)
            return ear(Clips([np.ones(SAMPLE_RATE)], [], [], [["violin"]], [], SAMPLE_RATE)).shape

        return Opened([(folder / name).read_bytes()], read)

    return opened


def _door(open_: Callable[[Path], Opened], mutate: Mutate, sealed: bool = False) -> Door:
    return Door(open_, mutate, sealed=sealed)


DOORS = {
    "a model's description": _door(_open_description("lm", False), json_of),
    "a codec's description": _door(_open_description("codec", False), json_of),
    "a description that is hashed": _door(_open_description("lm", True), json_of, sealed=True),
    "a model's weights": _door(_open_weights(False), safetensors_of),
    "weights that are hashed": _door(_open_weights(True), safetensors_of),
    "a published model": _door(_open_published, zip_of),
    "a published configuration": _door(_open_published_cfg, yaml_of),
    "a separator of demucs": _door(_open_separator, zip_of),
    "weights of CLAP": _door(_open_clap, zip_of),
    "weights of PaSST": _door(_open_passt, zip_of),
    "a store of features": _door(_open_store, safetensors_of, sealed=True),
    "a store of texts": _door(_open_texts, safetensors_of, sealed=True),
    "kept pitch classes": _door(_open_pitches, bytes_of),
    "a recogniser's card": _door(_open_recogniser(CARD), json_of),
    "a recogniser's weights": _door(_open_recogniser(WEIGHTS), safetensors_of),
    "Table 1's JSON": _door(_open_table, json_of),
}
