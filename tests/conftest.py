"""A small source in Slakh's format that every test may read (none may write to it)."""

import dataclasses
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import soundfile
import yaml
from support.chat_server import ChatServer

os.environ["ORCHESTRATOR_CACHE"] = tempfile.mkdtemp(prefix="orchestrator-cache-")  # before anything reads it

import orchestrator_solver  # noqa: F401  closes audiocraft's seams before a test imports it
from dataset_builder.items.item import Item, Reference, StemPart

SECONDS, RATE = 6.0, 22_050
# Split folder, track, bpm, and stems: number -> General MIDI program (128: drums). Numbers have gaps, as Slakh's do.
TINY = (
    ("train", "Track00001", 80.0, {0: 40, 1: 42, 3: 128, 4: 73, 5: 33}),
    ("validation", "Track00002", 120.0, {0: 0, 1: 68}),
    ("test", "Track00003", 100.0, {0: 56, 1: 128, 2: 24}),
)
PITCHES = (60, 62, 64, 65, 67, 69, 71, 72)  # C major


@pytest.fixture(scope="session")
def tiny_slakh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root of a source with 3 tracks (5, 2 and 3 stems, 6 s, one a split); Track00001 lacks S02 (not rendered)."""
    root = tmp_path_factory.mktemp("slakh")
    for split, name, bpm, programs in TINY:
        _write_track(root / split / name, bpm, programs)
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
    return _write_track


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


def _write_track(
    folder: Path, bpm: float, programs: dict[int, int], seconds: float = SECONDS, rate: int = RATE
) -> Path:
    """Write a track in Slakh's layout: sines for pitched stems, noise for drums, and MIDI that says the same."""
    (folder / "stems").mkdir(parents=True)
    (folder / "MIDI").mkdir()
    everything, mix, stems = pretty_midi.PrettyMIDI(initial_tempo=bpm), np.zeros(round(seconds * rate)), {}
    for number, program in programs.items():
        instrument = midi_part(program, number, bpm, seconds)
        wav = sound_of(instrument, seconds, rate)
        mix += np.round(wav * 2**15) / 2**15
        soundfile.write(folder / "stems" / f"S{number:02}.flac", wav, rate, subtype="PCM_16")
        alone = pretty_midi.PrettyMIDI(initial_tempo=bpm)
        alone.instruments.append(instrument)
        alone.write(str(folder / "MIDI" / f"S{number:02}.mid"))
        everything.instruments.append(instrument)
        stems[f"S{number:02}"] = stem_metadata(program, rendered=True)
    for number in set(range(max(programs))) - set(programs):
        stems[f"S{number:02}"] = stem_metadata(0, rendered=False)
    everything.write(str(folder / "all_src.mid"))
    soundfile.write(folder / "mix.flac", mix, rate, subtype="PCM_16")
    metadata = {"UUID": folder.name, "audio_dir": "/elsewhere", "stems": dict(sorted(stems.items()))}
    (folder / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    return folder


def stem_metadata(program: int, rendered: bool) -> dict[str, object]:
    """A stem's entry in metadata.yaml."""
    return {"audio_rendered": rendered, "midi_saved": rendered, "is_drum": program == 128, "program_num": program,
            "inst_class": "Drums" if program == 128 else "Piano", "integrated_loudness": -13.0}  # fmt: skip


def midi_part(program: int, number: int, bpm: float, seconds: float) -> pretty_midi.Instrument:
    """A part in quarters, an octave lower for every second stem; even stems pause in the second third of the track."""
    part = pretty_midi.Instrument(program % 128, is_drum=program == 128)
    for step, start in enumerate(np.arange(0.0, seconds - 0.1, 60 / bpm)):
        if number % 2 or not seconds / 3 <= start < 2 * seconds / 3:
            pitch = 36 if part.is_drum else PITCHES[(step * 2 + number) % len(PITCHES)] - 12 * (number % 2)
            part.notes.append(pretty_midi.Note(90, pitch, start, min(seconds, start + 54 / bpm)))
    return part


def sound_of(part: pretty_midi.Instrument, seconds: float, rate: int) -> np.ndarray:
    """The part as decaying sines (or noise, for drums) `[T]`, peaks below 0.2."""
    wav, rng = np.zeros(round(seconds * rate)), np.random.default_rng(part.program)
    for note in part.notes:
        first, last = round(note.start * rate), min(len(wav), round(note.end * rate))
        time = np.arange(last - first) / rate
        tone = rng.standard_normal(len(time)) / 4 if part.is_drum else np.sin(2 * np.pi * midi_hz(note.pitch) * time)
        wav[first:last] += 0.15 * tone * np.exp(-2 * time)
    return wav


def midi_hz(pitch: int) -> float:
    """Frequency of a MIDI pitch in Hz."""
    return 440.0 * 2 ** ((pitch - 69) / 12)


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
