"""The full-size melody condition: silence, stems and mixes, time, masks, caches, and that no target leaks into it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from audiocraft.modules.conditioners import ConditioningAttributes
from support.tiny_models import StillCodec, build_tiny_data

from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import audio_files, read_excerpt
from dataset_builder.items.item import Item
from orchestrator_solver.data.dataset import ExcerptDataset
from orchestrator_solver.data.excerpt_sampling import ExcerptSampling
from orchestrator_solver.features.conditions import (
    AudioReferences,
    ConditionProvider,
    StoredReferences,
    audio_reference,
)
from orchestrator_solver.features.feature_store import Entry
from orchestrator_solver.features.pitch_classes import PitchCache, pitch_classes, pitch_classes_in_pieces
from orchestrator_solver.features.store_reader import StoreReader
from orchestrator_solver.generation.model import OrchestratorModel
from orchestrator_solver.generation.reference_audio import ReferenceAudio
from orchestrator_solver.models.melody_conditioner import MelodyConditioner
from orchestrator_solver.precompute.encoders import FrozenEncoders
from orchestrator_solver.precompute.fill_store import entry_of, fill
from orchestrator_solver.training.condition_dropout import drop_conditions
from orchestrator_solver.training.solver import OrchestratorSolver

RATE, SECONDS = 32_000, 2.56  # 20 chroma frames of 128 ms
HOP = 4096


class HalfSeparator:
    """In the place of htdemucs: keeps the first half of what it is given, and counts how often it is asked."""

    sha256 = "half"

    def __init__(self) -> None:
        self.calls = 0
        self.precisions: list[torch.dtype] = []

    def melodic(self, wav: torch.Tensor, sample_rate: int) -> torch.Tensor:
        self.calls += 1
        self.precisions.append((torch.ones(1, 1) @ torch.ones(1, 1)).dtype)
        return torch.cat([wav[..., : wav.shape[-1] // 2], torch.zeros_like(wav[..., wav.shape[-1] // 2 :])], dim=-1)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., MelodyConditioner]:
    def make(duration: float = SECONDS, **changes: object) -> MelodyConditioner:
        torch.manual_seed(0)
        conditioner = MelodyConditioner(8, RATE, 14, duration, "cpu", **changes)
        if conditioner.separator is not None:
            conditioner.separator = HalfSeparator()
        return conditioner.eval()

    return make


def tones(*hertz: float, seconds: float = SECONDS) -> torch.Tensor:
    """Pitches one after another (0 is silence), each as long, `[1, 1, T]`."""
    time = torch.arange(round(seconds * RATE)) / RATE
    part = (time / seconds * len(hertz)).long().clamp(max=len(hertz) - 1)
    frequency = torch.tensor(hertz)[part]
    return (0.2 * torch.sin(2 * torch.pi * frequency * time) * (frequency > 0))[None, None]


def mix(wav: torch.Tensor) -> AudioReferences:
    """A reference `[1, 1, T]` of several instruments."""
    return AudioReferences(wav, torch.tensor([wav.shape[-1]]), (False,))


def stem(wav: torch.Tensor) -> AudioReferences:
    """A reference `[1, 1, T]` of a single instrument."""
    return AudioReferences(wav, torch.tensor([wav.shape[-1]]), (True,))


def provider_of(conditioner: MelodyConditioner) -> ConditionProvider:
    """The language model's part that computes conditions, with this one alone."""
    return ConditionProvider({"self_wav": conditioner})


def classes(conditioner: MelodyConditioner, x: AudioReferences | StoredReferences) -> list[int]:
    return conditioner.classes_of(x)[0].tolist()


def test_the_prefix_has_the_published_length() -> None:
    assert MelodyConditioner(8, RATE, 14, 30.0, "cpu").frames == 235


def test_silence_has_no_pitch(make: Callable[..., MelodyConditioner]) -> None:
    """A C sounds, then nothing: the frames of silence are masked, and are not those of a C."""
    conditioner = make()
    condition, mask = conditioner(stem(tones(261.63, 0.0)))
    assert condition.shape == (1, conditioner.frames, 8)
    assert mask[0, :8].all() and not mask[0, 13:].any()
    assert condition[0, 13:].abs().max() == 0 and condition[0, :8].abs().min() > 0
    nothing, none = conditioner(stem(tones(0.0)))
    assert nothing.abs().max() == 0 and none.sum() == 0


def test_sounding_frames_are_those_of_audiocraft(make: Callable[..., MelodyConditioner]) -> None:
    """Where there is pitch, the condition is bit for bit the one that published weights were trained with."""
    from audiocraft.modules.chroma import ChromaExtractor

    conditioner = make()
    wav = tones(440.0, 523.25, 659.26)
    chroma = ChromaExtractor(sample_rate=RATE, n_chroma=12, radix2_exp=14, argmax=True)(wav)
    condition, mask = conditioner(stem(wav))
    assert mask.all(dim=1) or mask[0, :-1].all()
    assert torch.equal(condition, conditioner.output_proj(chroma) * mask[..., None])


def test_a_stem_is_not_separated_and_a_mix_is(make: Callable[..., MelodyConditioner]) -> None:
    conditioner = make()
    wav = tones(440.0)
    alone = classes(conditioner, stem(wav))
    assert conditioner.separator.calls == 0 and alone[15] == 9
    separated = classes(conditioner, mix(wav))
    assert conditioner.separator.calls == 1 and separated[4] == 9 and separated[15] == -1
    assert classes(make(separate=False), mix(wav))[15] == 9


@pytest.mark.parametrize("seek", [0.0, 0.64, 1.0, 1.3, 1.617])
def test_time_is_aligned_at_any_seek(make: Callable[..., MelodyConditioner], seek: float) -> None:
    """The pitch changes at 2 s of the track, and in the frame of that time of the excerpt, wherever it begins."""
    conditioner = make()
    track = tones(440.0, 523.25, 523.25, seconds=6.0)
    start = round(seek * RATE)
    found = classes(conditioner, stem(track[..., start : start + round(SECONDS * RATE)]))
    change = found.index(0)
    assert set(found[:change]) == {9} and set(found[change:]) == {0}
    assert change * HOP / RATE == pytest.approx(2.0 - seek, abs=HOP / RATE)


def test_the_store_answers_for_the_same_time(
    make: Callable[..., MelodyConditioner], make_item: Callable[..., Item], tmp_path: Path
) -> None:
    conditioner, item = make(), make_item(id="item", track="track")
    track = tones(440.0, 523.25, 0.0, seconds=7.68)
    encoders = FrozenEncoders(StillCodec(), conditioner)
    whole = conditioner.pitch_classes_of(track, one_stem=True)
    entry = Entry(torch.zeros(4, 384, dtype=torch.long), whole)
    encoders.store(tmp_path).put("track", {"item": "content"}, {"item": entry})
    reader = StoreReader(tmp_path, encoders.identity(SECONDS))
    for seek in (0.0, 1.92, 5.12, 7.04):
        start = round(seek * RATE)
        wav = track[..., start : start + round(SECONDS * RATE)]
        kept = classes(conditioner, reader.reference(item, seek, wav.shape[-1]))
        heard = classes(conditioner, stem(wav))
        inside = slice(2, min(len(heard), wav.shape[-1] // HOP) - 2)  # windows at the ends hear less
        assert kept[inside] == heard[inside]


def test_a_store_is_of_one_way_to_separate(make: Callable[..., MelodyConditioner], tmp_path: Path) -> None:
    """What was separated by another network, or not at all, is another store."""
    other = make()
    other.separator.sha256 = "another"
    ways = (make(), make(separate=False), other)
    folders = {FrozenEncoders(StillCodec(), melody).store(tmp_path).folder for melody in ways}
    assert len(folders) == 3


@pytest.mark.parametrize("one_stem", [True, False])
def test_pieces_of_an_item_are_the_whole(make: Callable[..., MelodyConditioner], one_stem: bool) -> None:
    """To the frame, and what is silent is judged by the loudest of all; a separator that sees no further than it is
    given changes nothing."""
    conditioner = make()
    conditioner.separator.melodic = lambda wav, rate: 0.5 * wav
    wav = tones(440.0, 0.0, 523.25, 587.33, 659.26, 0.0, 698.46, seconds=15.5)
    wav[..., : 4 * RATE] *= 0.003  # silent beside the rest, loud enough by itself
    found = pitch_classes_in_pieces(
        conditioner.pitch, wav, None if one_stem else conditioner.separator.melodic, seconds=2.0
    )
    assert torch.equal(found, pitch_classes(conditioner.pitch, wav)[0])
    assert (found[:30] == -1).all() and len(found.unique()) > 4
    assert torch.equal(conditioner.pitch_classes_of_item(wav, one_stem), found)


def test_content_and_not_a_path_finds_what_was_kept(make: Callable[..., MelodyConditioner], tmp_path: Path) -> None:
    conditioner = make(cache_path=str(tmp_path / "kept"))
    first = classes(conditioner, mix(tones(440.0)))
    assert classes(conditioner, mix(tones(440.0))) == first and conditioner.separator.calls == 1
    assert classes(conditioner, mix(tones(523.25))) != first, "the same place, other audio"
    assert classes(conditioner, stem(tones(440.0))) != first, "the same audio, not separated"
    conditioner.separator.sha256 = "others"
    assert classes(conditioner, mix(tones(440.0))) == first and conditioner.separator.calls == 3
    for path in (tmp_path / "kept").rglob("*.npy"):
        path.write_bytes(path.read_bytes()[:-3])
    assert classes(conditioner, mix(tones(440.0))) == first, "what is torn is made again"


def test_what_is_dropped_is_the_same_alone_and_among_others(make: Callable[..., MelodyConditioner]) -> None:
    """audiocraft's prefix is shorter when a whole batch is dropped, as happens with small batches."""
    provider = provider_of(make())
    wav = tones(440.0)[0]
    sample = ConditioningAttributes(wav={"self_wav": audio_reference(wav, wav.shape[-1], RATE, one_stem=True)})
    dropped = drop_conditions([sample], 1.0, (0, 0, 0), range(1))
    alone = provider(provider.tokenize(dropped))["self_wav"]
    among = provider(provider.tokenize([sample, *dropped]))["self_wav"]
    for one, both in zip(alone, among, strict=True):
        assert torch.equal(one[0], both[1]) and one.abs().max() == 0


def _dataset(
    data: Path, reference: dict[str, float], seconds: float = SECONDS, store: StoreReader | None = None
) -> ExcerptDataset:
    sampling = ExcerptSampling(reference, {"mix": 0.0, "stem": 1.0, "submix": 1.0}, description_p=0.0)
    return ExcerptDataset(
        data, manifest.load(data, "train"), sampling, segment_duration=seconds, num_samples=24, sample_rate=RATE,
        store=store,
    )  # fmt: skip


@pytest.mark.parametrize("seconds", [SECONDS, 7.68])
def test_solver_and_generation_see_the_same_condition(
    tiny_data: Path, make: Callable[..., MelodyConditioner], seconds: float
) -> None:
    """Embeddings and masks of the solver's own method and of `generate`'s, within items and past their ends (6 s)."""
    provider = provider_of(make(seconds))
    lm = SimpleNamespace(condition_provider=provider, training=False, att_dropout=lambda attributes: attributes)
    codec, plain = StillCodec(), torch.autocast("cpu", enabled=False)
    solver = SimpleNamespace(model=lm, compression_model=codec, autocast=plain, cfg=None, device="cpu")
    model = OrchestratorModel("name", "hash", lm, codec, seconds)
    dataset = _dataset(tiny_data, {"self": 0.5, "any": 0.5}, seconds)
    for index in range(8):
        excerpt = dataset.excerpt(index)
        batch = dataset.collater([dataset[index]])
        seen = OrchestratorSolver.prepare(solver, batch).conditions
        item, start = excerpt.reference, excerpt.start
        there = min(seconds, item.duration - start)
        wav = read_excerpt(item, tiny_data, start, there, RATE)
        reference = ReferenceAudio(wav, RATE, one_stem=item.kind == "stem")
        attributes = [model.condition(excerpt.prompt, reference, 0.0, seconds)]
        played = provider(provider.tokenize(attributes))
        for ours, theirs in zip(seen["self_wav"], played["self_wav"], strict=True):
            assert torch.equal(ours, theirs)


@pytest.mark.parametrize("reference", [{"self": 1.0}, {"stem": 1.0}, {"any": 1.0}, {"stem": 0.5, "any": 0.5}])
@pytest.mark.parametrize("stored", [False, True])
def test_no_audio_of_the_target_reaches_the_condition(
    tiny_slakh: Path, tmp_path: Path, make: Callable[..., MelodyConditioner], reference: dict, stored: bool
) -> None:
    """With the cache of excerpts on, and the store's too: other audio in the target's files moves nothing, and other
    audio in the reference's moves the condition."""
    shutil.copytree(tiny_slakh, tmp_path / "source")
    data = build_tiny_data(tmp_path / "source", tmp_path / "data")

    def condition(index: int) -> torch.Tensor:
        conditioner, store = make(cache_path=str(tmp_path / "kept")), None
        if stored:
            fill(data, encoders := FrozenEncoders(StillCodec(), conditioner), ("train",), workers=0)
            store = StoreReader(data, encoders.identity(SECONDS))
        _, info = _dataset(data, reference, store=store)[index]
        provider = provider_of(conditioner)
        return provider(provider.tokenize([info.to_condition_attributes()]))["self_wav"][0]

    index, target, other = _stem_with_another(_dataset(data, reference))
    before = condition(index)
    _play_backwards(audio_files(target, data)[0])
    if other is None:  # policy `self`: the target is its own reference, and must be heard
        assert not torch.equal(condition(index), before)
        return
    assert torch.equal(condition(index), before)
    _play_backwards(audio_files(other, data)[0])
    assert not torch.equal(condition(index), before)


def _stem_with_another(dataset: ExcerptDataset) -> tuple:
    """An index, its target, a stem, and its reference, another pitched stem (None for the policy `self`)."""
    for index in range(len(dataset)):
        excerpt = dataset.excerpt(index)
        pitched = {"drums"}.isdisjoint(excerpt.reference.instruments)
        if "stem" == excerpt.item.kind == excerpt.reference.kind and pitched:
            if dataset.weights == {"self": 1.0}:
                return index, excerpt.item, None
            if excerpt.reference.id != excerpt.item.id:
                return index, excerpt.item, excerpt.reference
    raise AssertionError("no such excerpt")


def _play_backwards(path: Path) -> None:
    wav, rate = soundfile.read(path)
    soundfile.write(path, np.ascontiguousarray(wav[::-1]), rate, subtype="PCM_16")


def test_precision_of_training_does_not_move_the_chroma(make: Callable[..., MelodyConditioner]) -> None:
    conditioner = make()
    wav = 4 * tones(440.0, 466.16, 493.88)  # louder than full scale: its spectrum overflows 16 bits
    expected = classes(conditioner, stem(wav))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert classes(conditioner, stem(wav)) == expected
        classes(conditioner, mix(wav))
    assert conditioner.separator.precisions == [torch.float32]


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_store_is_separated_in_its_precision_and_its_chroma_is_exact(
    make: Callable[..., MelodyConditioner], make_item: Callable[..., Item], precision: torch.dtype
) -> None:
    conditioner, wav = make(), 4 * tones(440.0, 466.16, 493.88)
    encoders = FrozenEncoders(StillCodec(), conditioner, precision=precision)
    found = entry_of(encoders, make_item(id="item", track="track", kind="mix"), wav[0, 0])
    assert conditioner.separator.precisions == [precision]
    halved = conditioner.separator.melodic(wav, RATE)
    assert torch.equal(found.classes, pitch_classes(conditioner.pitch, halved)[0])


def test_kept_pitch_classes_that_are_torn_count_as_absent(tmp_path: Path) -> None:
    cache, classes = PitchCache(tmp_path), torch.arange(-1, 12)
    cache.put("0123", classes)
    kept = cache.get("0123")
    assert kept is not None and torch.equal(kept, classes)
    (path,) = tmp_path.rglob("*.npy")
    data = path.read_bytes()
    endless = b"\x93NUMPY\x01\x00\xff\xff" + data[10:]
    for torn in (b"", data[:-200], data[:60] + b"(((" + data[63:], endless, data[:-1] + b"\x63"):
        path.write_bytes(torn)
        assert cache.get("0123") is None
