"""A small source in Slakh's format that every test may read (none may write to it)."""

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import tiny_slakh as slakh
from support.chat_server import ChatServer

os.environ["ORCHESTRATOR_CACHE"] = tempfile.mkdtemp(prefix="orchestrator-cache-")  # before anything reads it

import orchestrator_solver  # noqa: F401  closes audiocraft's seams before a test imports it
from dataset_builder.items.item import Item, Reference, StemPart


def pytest_unconfigure() -> None:
    """Leave nothing behind."""
    shutil.rmtree(os.environ["ORCHESTRATOR_CACHE"], ignore_errors=True)


@pytest.fixture(scope="session")
def tiny_slakh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root of a source with 3 tracks (5, 2 and 3 stems, 6 s, one a split); Track00001 lacks S02 (not rendered)."""
    root = tmp_path_factory.mktemp("slakh")
    for split, name, bpm, programs in slakh.TINY:
        slakh.write_track(root / split / name, bpm, programs)
    return root


@pytest.fixture
def real_track() -> Path:
    """Folder with metadata and MIDI of Slakh's Track00001, without audio; tests that use it are skipped without it."""
    root = os.environ.get("SLAKH_TRACK")
    found = next(Path(root).rglob("metadata.yaml"), None) if root else None
    if found is None:
        pytest.skip("the real track is not ours to ship: set SLAKH_TRACK to a copy of Slakh2100's Track00001")
    return found.parent


@pytest.fixture
def write_track() -> Callable[..., Path]:
    """`write_track(folder, bpm, {stem number: program})` writes a track in Slakh's layout."""
    return slakh.write_track


@pytest.fixture
def make_item() -> Callable[..., Item]:
    """`make_item(field=value, ...)` makes an item of two stems that differs in those fields."""
    return _make_item


def _make_item(**changes: object) -> Item:
    """An item of two stems: a violin that sounds in 0..4 and 6..10 s, drums in 3.9..10 s."""
    item = Item(
        id="Track00001-sub2-1", kind="submix", track="Track00001", split="train",
        stems=(StemPart("S00", "train/Track00001/stems/S00.flac", 1.0, "violin", 40, False),
               StemPart("S01", "train/Track00001/stems/S01.flac", 0.5, "drums", 128, True)),
        audio=None, instruments=("violin", "drums"), duration=10.0, sample_rate=44_100, bpm=80.0, key="C major",
        caption=None, tags={"slow": 0.5}, description=None,
        activity={"S00": ((0.0, 4.0), (6.0, 10.0)), "S01": ((3.9, 10.0),)},
        references=(Reference("Track00001-S00", 0.9),), licence="CC BY 4.0", seed=2**52 + 1,
    )  # fmt: skip
    return dataclasses.replace(item, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def tiny_data(tiny_slakh: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of the tiny source, without captions."""
    from support.tiny_models import build_tiny_data

    return build_tiny_data(tiny_slakh, tmp_path_factory.mktemp("data"))


@pytest.fixture
def materialised(tiny_slakh: Path, tmp_path: Path) -> Path:
    """A data set of the tiny source whose items are files."""
    from dataset_builder.dataset.materialise import materialise
    from dataset_builder.pipeline.build import build
    from dataset_builder.pipeline.settings import BuildSettings

    root = tmp_path / "data"
    build(BuildSettings("slakh", root, tiny_slakh, captions="none"))
    materialise(root)
    return root


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shared out to worker processes is done in this process instead, whose patches it sees."""
    from support.serial_pool import Here

    from dataset_builder.runtime import process_pool

    monkeypatch.setattr(process_pool, "ProcessPoolExecutor", Here)


@pytest.fixture
def caption_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where captions are kept during this test: empty at its start."""
    from dataset_builder.descriptor.captions import cache

    monkeypatch.setattr(cache, "FOLDER", tmp_path / "captions")
    return tmp_path / "captions"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where a language model's answers are kept during this test: empty at its start."""
    from dataset_builder.llm import answer_cache

    monkeypatch.setattr(answer_cache, "FOLDER", tmp_path / "answers")
    return tmp_path / "answers"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    """A chat server on loopback, and a key for it."""
    server = ChatServer()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    monkeypatch.setenv("CHAT_API_KEY", "sk-secret")
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a language model with random weights; its codec lies beside it."""
    from support.tiny_models import save_models

    return save_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def filled_hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`HF_HOME` of a hub cache with MusicGen Melody, its EnCodec, T5 and htdemucs: true formats, random weights."""
    from support import hub_cache

    home = tmp_path_factory.mktemp("hf")
    with pytest.MonkeyPatch.context() as patch:
        hub_cache.use(home, patch)
        return hub_cache.fill(home)


@pytest.fixture
def hub_home(filled_hub: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`filled_hub`, as the cache of this process, without a network."""
    from support import hub_cache

    hub_cache.use(filled_hub, monkeypatch)
    return filled_hub


@pytest.fixture
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache as that of this process, without a network."""
    from support import hub_cache

    hub_cache.use(tmp_path / "hf", monkeypatch)
    return tmp_path / "hf"
