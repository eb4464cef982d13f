"""The way in from Python: what the command does, from files, samples and threads, and slips told in a line."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.echo_model import EchoModel

import orchestrator_solver
from dataset_builder.errors import UserError
from orchestrator_solver import Orchestrator
from orchestrator_solver.generation.reference_audio import read_reference
from orchestrator_solver.generation.request import Description
from orchestrator_solver.generation.sampling import SamplingSettings

RATE = 32_000
TUNE = np.concatenate([0.3 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE) for hertz in (262, 330, 392)])


@pytest.fixture
def player() -> Orchestrator:
    return Orchestrator(EchoModel(noise=0.1))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "song.wav", TUNE, RATE)
    return tmp_path / "song.wav"


def test_a_file_and_its_samples_are_played_alike(player: Orchestrator, song: Path) -> None:
    samples, rate = soundfile.read(song, dtype="float32")
    takes = [
        player.orchestrate(reference, "violin, drums", seed=3)
        for reference in (song, str(song), read_reference(song), (samples, rate), (np.stack([samples] * 2, 1), rate))
    ]
    assert all(np.array_equal(take.wav, takes[0].wav) for take in takes)
    record = takes[0].record
    assert record["seed"] == 3 and record["settings"]["guidance"] == player.model.guidance
    assert record["instruments"] == ["violin", "drums"] and record["description"]["source"] == "template"
    assert record["scores"]["SIM"] > 0.9 and takes[3].record["reference"]["format"] == "samples"
    assert takes[0].sample_rate == player.sample_rate


def test_instruments_and_descriptions_in_ones_own_words(player: Orchestrator, song: Path) -> None:
    listed = player.request(song, ["2 violins", "drum kit"], "Calm.")
    assert listed.prompt == player.request(song, "2 violins, drum kit", Description("Calm.", "user")).prompt
    assert listed.prompt.startswith("Calm.") and listed.prompt.endswith("Instruments: violin, drums.")
    assert player.request(song, "violin", "").description == Description()
    assert player.request(song, "violin").description == player.describe(song)
    assert player.warnings(player.request(song, "tuba", ""), 60.0)[0].startswith("the model echo never trained on tuba")


def test_several_requests_are_played_at_once_each_with_its_seed(player: Orchestrator, song: Path) -> None:
    requests = [player.request(song, name, "") for name in ("violin", "drums")]
    both = player.play(requests, 2.0, SamplingSettings(temperature=0.5), seeds=[5, 6])
    alone = player.orchestrate(song, "drums", "", seconds=2.0, seed=6, temperature=0.5)
    assert np.array_equal(both[1].wav, alone.wav) and both[0].record["seed"] == 5


def test_threads_share_a_model(tiny_models: Path) -> None:
    """Each take is what it is when nobody else plays."""
    player = Orchestrator.from_pretrained(str(tiny_models), device="cpu")
    reference = read_reference_of_samples()
    alone = [player.orchestrate(reference, "violin", "", seed=seed).wav for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: player.orchestrate(reference, "violin", "", seed=seed).wav, range(4)))
    assert all(map(np.array_equal, alone, together))


def read_reference_of_samples() -> tuple[np.ndarray, int]:
    return TUNE.astype(np.float32), RATE


@pytest.mark.parametrize(
    ("reference", "line"),
    [
        ((np.zeros((2, 64_000)), 32_000), r"the shape \[2, 64000\]: expected \[samples\] or \[samples, channels\]"),
        ((np.zeros(100), 32_000), r"the reference is 0\.00 s long, expected at least 1 s"),
        ((np.zeros(64_000), 32_000), "the reference is silent"),
        ((np.full(64_000, np.nan), 32_000), "the reference holds NaN or infinite samples"),
        ((TUNE, 0), "the reference has a rate of 0 Hz: expected"),
        ((TUNE, RATE, 1), r"a reference is a file or \(samples, rate\), found tuple"),
        (TUNE, r"a reference is a file or \(samples, rate\), found ndarray"),
        ("nowhere.wav", "nowhere.wav: no such file"),
    ],
)
def test_references_that_cannot_be_used_are_one_line(player: Orchestrator, reference: object, line: str) -> None:
    with pytest.raises(UserError, match=line):
        player.request(reference, "violin")  # type: ignore[arg-type]


def test_words_that_a_model_does_not_know(song: Path) -> None:
    model = EchoModel()
    model.reads_any_words = False
    with pytest.raises(UserError, match="banjo"):
        Orchestrator(model).request(song, "violin, banjo", "")


def test_the_package_offers_it_and_nothing_else() -> None:
    assert orchestrator_solver.__all__ == ["Orchestrator"]
    with pytest.raises(AttributeError, match="has no attribute 'Orchestra'"):
        orchestrator_solver.Orchestra  # noqa: B018


def test_what_was_heard_piece_by_piece_is_recorded_as_if_it_had_been_played_at_once() -> None:
    """The same audio, and the same record but for how long playing took."""
    player, sampling = Orchestrator.from_pretrained(device="cpu"), SamplingSettings(seed=3)
    tune = (0.3 * np.sin(np.arange(3 * 16_000) * 440 * 2 * np.pi / 16_000)).astype(np.float32)
    request = player.request((tune, 16_000), "violin", "calm")
    heard = player.recorded(request, np.concatenate(list(player.stream(request, 2, sampling))), 1.0, 2, sampling)
    (played,) = player.play([request], 2, sampling)
    assert np.array_equal(heard.wav, played.wav)
    assert {**heard.record, "seconds": None} == {**played.record, "seconds": None}
