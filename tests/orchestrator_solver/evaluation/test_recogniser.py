"""The recogniser of instruments: it learns from stems, runs go on, and scores are what they are called."""

import gzip
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import read_excerpt
from dataset_builder.errors import UserError
from dataset_builder.music.instruments import CLASSES
from orchestrator_solver import cli
from orchestrator_solver.evaluation.cells import identity_of
from orchestrator_solver.metrics.clips import Clips
from orchestrator_solver.metrics.distribution.set_metric import RecogniserFad
from orchestrator_solver.metrics.instrument_groups import group_by_confusion, precisions_of
from orchestrator_solver.metrics.instruments import Instruments
from orchestrator_solver.metrics.recogniser import SAMPLE_RATE, Recogniser, RecogniserNet
from orchestrator_solver.models.loading import load_codec
from orchestrator_solver.workflows import recogniser_training
from orchestrator_solver.workflows.recogniser_measuring import best_thresholds
from orchestrator_solver.workflows.recogniser_training import (
    ClipMaker,
    RecogniserSettings,
    load_stems,
    train_recogniser,
)

SMALL = RecogniserSettings(updates=6, batch=4, seconds=1.0, save_every=2)


@pytest.fixture(scope="module")
def codec(tiny_models: Path) -> torch.nn.Module:
    return load_codec(str(tiny_models.parent / "codec"), torch.device("cpu"))


@pytest.fixture(scope="module")
def untrained() -> Recogniser:
    torch.manual_seed(0)
    return Recogniser(RecogniserNet().eval(), {}, "")


def test_it_learns_to_tell_noise_from_tones(tiny_data: Path, codec, tmp_path: Path) -> None:
    """Of the works that it was taught, since the tiny source has others in its test split."""
    train_recogniser(tiny_data, tmp_path, codec, "tiny", replace(SMALL, updates=60, batch=8))
    recogniser = Recogniser.load(tmp_path)
    stems = {item.instruments[0]: item for item in manifest.load(tiny_data, "train") if item.kind == "stem"}
    wavs = [read_excerpt(stems[name], tiny_data, 0.0, 1.5, SAMPLE_RATE) for name in ("drums", "violin")]
    drums, violin = recogniser.probabilities(wavs, SAMPLE_RATE)
    place = CLASSES.index("drums")
    assert drums[place] > 2 * violin[place]
    assert set(recogniser.card["trained on"]) == set(stems)
    assert set(recogniser.card["average precision"]["codec"]) == {"trumpet", "drums", "acoustic guitar"}


def test_a_run_that_was_stopped_ends_with_the_same_weights(
    tiny_data: Path, codec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_recogniser(tiny_data, tmp_path / "straight", codec, "tiny", SMALL)
    passes = []

    def stopped(*args):
        passes.append(args)
        if len(passes) == 5:
            raise KeyboardInterrupt
        return through(*args)

    through = recogniser_training.through_codec
    with monkeypatch.context() as patch:
        patch.setattr(recogniser_training, "through_codec", stopped)
        with pytest.raises(KeyboardInterrupt):
            train_recogniser(tiny_data, tmp_path / "again", codec, "tiny", SMALL)
    train_recogniser(tiny_data, tmp_path / "again", codec, "tiny", SMALL)
    files = [{path.name: path.read_bytes() for path in (tmp_path / run).iterdir()} for run in ("straight", "again")]
    assert files[0] == files[1] and set(files[0]) == {"model.safetensors", "card.json"}


def test_the_shipped_one_hears_drums_and_not_in_a_tone() -> None:
    """And its card says what it was taught and what it reaches."""
    ear = Recogniser.load()
    rng = np.random.default_rng(0)
    beat = np.concatenate([rng.standard_normal(8000) * np.exp(-np.arange(8000) / 900) for _ in range(8)])
    tone = np.sin(np.arange(64_000) / 16_000 * 2 * np.pi * 220)
    drums, other = ear.probabilities([beat, tone], SAMPLE_RATE)[:, CLASSES.index("drums")]
    assert drums > ear.card["threshold"]["drums"] > other
    assert len(ear.card["trained on"]) > 30 and ear.card["mean average precision"]["codec"] > 0.5


def test_what_has_ended_is_not_made_again_and_what_was_left_is_of_its_own_data(
    tiny_data: Path, codec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Path(shutil.copytree(tiny_data, tmp_path / "other"))
    sums = other / "SHA256SUMS"
    sums.write_text("".join(reversed(sums.read_text().splitlines(keepends=True))))
    train_recogniser(tiny_data, tmp_path / "ear", codec, "tiny", SMALL)
    passes: list[object] = []

    def counted(*args):
        passes.append(args)
        return through(*args)

    through = recogniser_training.through_codec
    monkeypatch.setattr(recogniser_training, "through_codec", counted)
    train_recogniser(tiny_data, tmp_path / "ear", codec, "tiny", SMALL)
    assert not passes
    train_recogniser(other, tmp_path / "ear", codec, "tiny", replace(SMALL, updates=2))
    assert len(passes) == 2, "of its own data, from the first update on"


@pytest.mark.parametrize("split", ["valid", "test"])
def test_a_set_that_measures_nothing_is_told_before_training(
    tiny_data: Path, codec, tmp_path: Path, split: str
) -> None:
    data = Path(shutil.copytree(tiny_data, tmp_path / "data"))
    with gzip.open(data / f"egs/{split}/data.jsonl.gz", "wb"):
        pass
    with pytest.raises(UserError, match=f"no stems and submixes in {split}"):
        train_recogniser(data, tmp_path / "ear", codec, "tiny", SMALL)
    assert not (tmp_path / "ear").exists()


@pytest.mark.parametrize(
    "words", [["--out", "x"], ["--updates", "3"], ["--only", "recogniser", "--updates", "0"]], ids=" ".join
)
def test_options_that_do_not_fit_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = cli.main(["retrain", *words])
    except SystemExit as end:
        code = end.code
    assert code == 2 and "Traceback" not in capsys.readouterr().err


def test_a_clip_is_its_number(tiny_data: Path) -> None:
    stems = load_stems(tiny_data, "train")
    one, other = ClipMaker(stems, SMALL), ClipMaker(stems, SMALL)
    clips = [one(number) for number in range(40)]
    for number in reversed(range(40)):
        wav, labels = other(number)
        assert np.array_equal(wav, clips[number][0]) and np.array_equal(labels, clips[number][1])
        assert np.abs(wav).max() > 1e-3 and 1 <= labels.sum() <= 5
    assert {CLASSES[place] for _, labels in clips for place in np.flatnonzero(labels)} == {s.instrument for s in stems}


def test_neighbours_lengths_and_rates(untrained: Recogniser) -> None:
    rng = np.random.default_rng(0)
    wavs = [rng.standard_normal(length).astype(np.float32) for length in (16_000, 40_000, 16_000, 8_000)]
    together = untrained.probabilities([*wavs, np.zeros(16_000, np.float32)], SAMPLE_RATE)
    assert together.shape == (5, 34) and np.isnan(together[4]).all(), "a silent clip is not heard"
    for place, wav in enumerate(wavs):
        assert np.allclose(untrained.probabilities([wav], SAMPLE_RATE)[0], together[place], atol=1e-6)
    assert np.allclose(untrained.probabilities([np.tile(wavs[3], 2)], SAMPLE_RATE)[0], together[3], atol=1e-6)
    tone = np.sin(np.arange(64_000) / 32_000 * 2 * np.pi * 440).astype(np.float32)
    assert np.allclose(
        *untrained.probabilities([tone], 32_000), *untrained.probabilities([tone[::2]], 16_000), atol=0.01
    )


@pytest.mark.parametrize(("score", "values"), [("F1", [0.5, 0.0, 1.0]), ("precision", [0.5, 0.0, 1.0]),
                                               ("recall", [0.5, 0.0, 1.0])])  # fmt: skip
def test_what_is_asked_for_against_what_is_heard(
    untrained: Recogniser, monkeypatch: pytest.MonkeyPatch, score: str, values: list[float]
) -> None:
    """Of classes that were taught alone; a clip that asks for none of them has no score."""
    taught = ("violin", "cello", "drums")
    card = {"trained on": dict.fromkeys(taught, 1), "threshold": dict.fromkeys(CLASSES, 0.4)}
    heard = np.zeros((4, 34))
    for place, names in enumerate((["violin", "cello", "tuba"], [], ["drums", "violin"], ["violin"])):
        heard[place, [CLASSES.index(name) for name in names]] = 0.5
    monkeypatch.setattr(Recogniser, "probabilities", lambda *_: heard)
    asked = [["violin", "drums"], ["cello"], ["violin", "drums", "tuba"], ["tuba"]]
    clips = Clips([np.zeros(4)] * 4, [], [], asked, [], SAMPLE_RATE)
    found = Instruments(score, replace(untrained, card=card))(clips)
    assert np.allclose(found, [*values, np.nan], equal_nan=True)
    card |= {"groups": [["violin", "cello", "tuba"], ["drums"]], "threshold of groups": [0.4, 0.4]}
    grouped = Instruments("F1", replace(untrained, card=card), grouped=True)(clips)
    assert np.allclose(grouped, [2 / 3, 0.0, 1.0, 1.0]), "what cannot be told apart counts as one, asked or heard"


def test_another_recogniser_is_another_metric(untrained: Recogniser) -> None:
    """So that scores that are kept are never taken for those of other weights, thresholds or groups."""
    card = {"trained on": {}, "threshold": dict.fromkeys(CLASSES, 0.5)}
    ears = [replace(untrained, card=card, sha256="a"), replace(untrained, card=card, sha256="b"),
            replace(untrained, card={**card, "threshold": dict.fromkeys(CLASSES, 0.4)}, sha256="a")]  # fmt: skip
    for build in (lambda ear: Instruments("F1", ear), RecogniserFad):
        assert len({identity_of(build(ear)) for ear in ears}) == 3
        assert identity_of(build(ears[0])) == identity_of(build(replace(ears[0])))


def test_groups_are_what_is_confused() -> None:
    """Violin and viola are heard as one another, flute and drums as themselves: two are merged and no more."""
    rng, names = np.random.default_rng(0), ("violin", "viola", "pipe", "drums")
    wanted, found = np.zeros((400, 34), dtype=bool), rng.uniform(0, 0.3, (400, 34))
    for clip in range(400):
        name = names[clip % 4]
        wanted[clip, CLASSES.index(name)] = True
        heard = rng.choice(["violin", "viola"]) if name in ("violin", "viola") else name
        found[clip, CLASSES.index(heard)] = 0.9
    assert group_by_confusion(found, wanted, 0.9) == [("violin", "viola"), ("pipe",), ("drums",)]
    assert len(group_by_confusion(found, wanted, 0.1)) == 4, "nothing is merged without need"
    assert len(group_by_confusion(rng.uniform(size=(400, 34)), wanted, 1.0)) == 2


def test_precisions_are_those_of_the_library() -> None:
    rng = np.random.default_rng(1)
    found, wanted = rng.uniform(size=(50, 34)), rng.uniform(size=(50, 34)) < 0.2
    wanted[:, 3] = False
    ours = precisions_of(found, wanted)
    theirs = [average_precision(found[:, place], wanted[:, place]) for place in range(34) if place != 3]
    assert np.isnan(ours[3]) and np.allclose(np.delete(ours, 3), theirs, atol=1e-6)


def average_precision(found: np.ndarray, wanted: np.ndarray) -> float:
    """Mean of the precisions at every clip that is wanted, from the surest on."""
    order = np.argsort(-found)
    hits = wanted[order].cumsum()
    return float((hits / np.arange(1, len(hits) + 1))[wanted[order]].mean())


def test_thresholds_are_where_f1_is_best() -> None:
    found, wanted = np.zeros((4, 34)), np.zeros((4, 34), dtype=bool)
    found[:, 0], wanted[:, 0] = (0.32, 0.38, 0.1, 0.28), (True, True, False, False)
    assert best_thresholds(found, wanted)[:2] == [0.3, 0.5]


@pytest.mark.parametrize("change", [{"sha256": "0"}, {"sha256": None}, None])
def test_a_torn_recogniser_is_one_line(
    tiny_data: Path, codec, tmp_path: Path, change: dict[str, object] | None
) -> None:
    train_recogniser(tiny_data, tmp_path, codec, "tiny", replace(SMALL, updates=1))
    path = tmp_path / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change) if change else "[]")
    with pytest.raises(UserError, match=r"holds no recogniser of instruments \(.*\): see `orchestrator retrain --only"):
        Recogniser.load(tmp_path)
