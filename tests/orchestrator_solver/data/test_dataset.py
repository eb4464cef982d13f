"""Excerpts: where they are drawn, what they name, and what they are conditioned on."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from audiocraft.modules.conditioners import dropout_condition
from support.tiny_models import SECONDS, build_tiny_data
from torch.utils.data import DataLoader

from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import audio_files
from orchestrator_solver.data.dataset import ExcerptDataset
from orchestrator_solver.data.excerpt_sampling import NANO_GRID, ExcerptSampling
from orchestrator_solver.features.store_reader import StoreReader
from orchestrator_solver.models import loading
from orchestrator_solver.precompute.encoders import FrozenEncoders
from orchestrator_solver.precompute.fill_store import fill
from orchestrator_solver.weights import package

RATE = 16_000


def _dataset(root: Path, reference: dict[str, float], **options: object) -> ExcerptDataset:
    store = options.pop("store", None)
    return ExcerptDataset(
        root, manifest.load(root, "train"), ExcerptSampling(reference, **options), segment_duration=SECONDS,
        num_samples=24, sample_rate=RATE, store=store,
    )  # fmt: skip


def test_excerpts_sound_and_name_what_sounds(tiny_data: Path) -> None:
    dataset = _dataset(tiny_data, {"stem": 1.0}, description_p=0.0)
    for index in range(len(dataset)):
        excerpt = dataset.excerpt(index)
        wav, info = dataset[index]
        assert wav.shape == (1, round(SECONDS * RATE)) and wav.abs().max() > 0.01
        sounding = excerpt.item.sounding(excerpt.start, excerpt.start + SECONDS)
        assert info.description == ", ".join(sounding)
        assert abs(excerpt.start / NANO_GRID - round(excerpt.start / NANO_GRID)) < 1e-6


def test_prompts_can_say_instruments_as_the_music_does(tiny_data: Path) -> None:
    """The same excerpts, called by General MIDI's sounds."""
    plain, midi = (
        _dataset(tiny_data, {"self": 1.0}, description_p=0.0, instrument_words=words) for words in ("classes", "midi")
    )
    pairs = [(plain.excerpt(index), midi.excerpt(index)) for index in range(24)]
    assert all(
        (one.item, one.start, one.reference) == (other.item, other.start, other.reference) for one, other in pairs
    )
    names = [zip(one.prompt.split(", "), other.prompt.split(", "), strict=True) for one, other in pairs]
    said = {name: sound for both in names for name, sound in both}
    assert said["pipe"] == "flute" and said["drums"] == "drums"


def test_draws_depend_on_epoch_and_index_alone(tiny_data: Path) -> None:
    one, other = _dataset(tiny_data, {"any": 1.0}), _dataset(tiny_data, {"any": 1.0})
    one.current_epoch = other.current_epoch = 3
    assert [one.excerpt(i) for i in range(24)] == [other.excerpt(i) for i in reversed(range(24))][::-1]
    other.current_epoch = 4
    assert [one.excerpt(i) for i in range(24)] != [other.excerpt(i) for i in range(24)]


def test_names_can_be_partial_and_left_out(tiny_data: Path) -> None:
    partial = _dataset(tiny_data, {"self": 1.0}, names_partial=True, description_p=0.0, kinds={"mix": 1.0})
    prompts = {partial.excerpt(i).prompt for i in range(24)}
    assert len(prompts) > 2
    unnamed = _dataset(tiny_data, {"self": 1.0}, names_p=0.0, description_p=0.0)
    assert all("violin" not in (unnamed.excerpt(i).prompt or "") for i in range(24))


@pytest.fixture
def own_data(tiny_slakh: Path, tmp_path: Path) -> Path:
    """A copy of the tiny source and its data set, whose audio a test may change."""
    shutil.copytree(tiny_slakh, tmp_path / "source")
    return build_tiny_data(tmp_path / "source", tmp_path / "data")


def _rewrite(path: Path) -> None:
    """Other notes in a file: its audio played backwards."""
    wav, rate = soundfile.read(path)
    soundfile.write(path, np.ascontiguousarray(wav[::-1]), rate, subtype="PCM_16")


def _condition(dataset: ExcerptDataset, index: int, model: torch.nn.Module) -> torch.Tensor:
    """What the model is conditioned on by audio for an excerpt."""
    _, info = dataset[index]
    provider = model.condition_provider
    tokens = provider.tokenize([info.to_condition_attributes()])
    return provider(tokens)["self_wav"][0]


@pytest.mark.parametrize("policy", [{"stem": 1.0}, {"any": 1.0}, {"stem": 0.5, "any": 0.5}])
@pytest.mark.parametrize("stored", [False, True])
def test_no_audio_of_the_target_reaches_the_condition(
    own_data: Path, tiny_models: Path, policy: dict[str, float], stored: bool
) -> None:
    """Change the target's audio and the condition must not move by one bit; change the reference and it must."""
    model = loading.build_lm_from_package(package.load(str(tiny_models), "lm"))
    codec = loading.load_codec_package(str(tiny_models.parent / "codec"))

    encoders = FrozenEncoders(codec, model.condition_provider.conditioners["self_wav"])

    def dataset() -> ExcerptDataset:
        store = None
        if stored:
            fill(own_data, encoders, ("train",), workers=0)
            store = StoreReader(own_data, encoders.identity(SECONDS))
        return _dataset(own_data, policy, kinds={"stem": 1.0}, description_p=0.0, store=store)

    first = dataset()
    chosen = [first.excerpt(i) for i in range(24)]
    index = next(
        i for i, e in enumerate(chosen)
        if e.reference.kind == "stem" and e.item.id != e.reference.id and "drums" not in e.reference.instruments
    )  # fmt: skip
    target, reference = chosen[index].item, chosen[index].reference
    before = _condition(first, index, model)
    _rewrite(audio_files(target, own_data)[0])
    assert torch.equal(_condition(dataset(), index, model), before)
    _rewrite(audio_files(reference, own_data)[0])
    assert not torch.equal(_condition(dataset(), index, model), before)


def test_codes_and_pitch_classes_come_with_the_excerpt_from_the_store(tiny_data: Path, tiny_models: Path) -> None:
    """In a worker's batch as well; the reference may be dropped, as audiocraft drops one."""
    codec = loading.load_codec_package(str(tiny_models.parent / "codec"))
    model = loading.build_lm_from_package(package.load(str(tiny_models), "lm"))
    encoders = FrozenEncoders(codec, model.condition_provider.conditioners["self_wav"])
    assert fill(tiny_data, encoders, workers=0).made > 0
    assert fill(tiny_data, encoders, workers=0).made == 0
    dataset = _dataset(tiny_data, {"stem": 1.0}, store=StoreReader(tiny_data, encoders.identity(SECONDS)))
    wav, infos = next(iter(DataLoader(dataset, 3, num_workers=1, collate_fn=dataset.collater)))
    assert all(info.audio_tokens.shape == (2, 40) for info in infos) and wav.abs().sum() == 0
    samples = [info.to_condition_attributes() for info in infos]
    dropout_condition(samples[2], "wav", "self_wav")
    value, mask = model.condition_provider(model.condition_provider.tokenize(samples))["self_wav"]
    assert value.shape[1] == 25 and mask[:2].all() and not mask[2].any() and value[2].abs().max() == 0
