"""The embedded corpus: its list of works, its arrangements, and the tracks it renders in Slakh's layout."""

import json
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from symusic.core import ScoreSecond

from dataset_builder.audio.loudness import integrated_loudness
from dataset_builder.errors import UserError
from dataset_builder.music import midi_synth
from dataset_builder.music.instruments import CLASSES, class_of
from dataset_builder.nano import drums, harmony, instrumentation, score, slakh_writer
from dataset_builder.nano.arrangement import BASSES, arrange
from dataset_builder.nano.corpus import NanoSettings, render, render_track, work_of
from dataset_builder.nano.works import load, select
from dataset_builder.sources.slakh import find_tracks, read_track

SETTINGS = NanoSettings(works=3, variants=1, seconds=6.0)
SLAKH_KEYS = {"UUID", "audio_dir", "lmd_midi_dir", "midi_dir", "normalization_factor", "normalized", "overall_gain",
              "stems", "target_peak"}  # fmt: skip
SLAKH_STEM_KEYS = {"audio_rendered", "inst_class", "integrated_loudness", "is_drum", "midi_program_name", "midi_saved",
                   "plugin_name", "program_num"}  # fmt: skip


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("corpus")
    render(root, SETTINGS, workers=1, progress=False)
    return root


@pytest.fixture(scope="module")
def folders(corpus) -> list[Path]:
    return [folder for _, folder in find_tracks(corpus / "slakh")]


@pytest.fixture(scope="module")
def chorale() -> score.Score:
    return score.read(next(work for work in load() if work.id == "bach-bwv140-7"))


# The list of works


def test_the_list_is_large_varied_and_licensed():
    works = load()
    assert len(works) >= 112 and len({work.group for work in works}) >= 80
    assert len({work.composer for work in works}) >= 14
    assert [work.number for work in works] == list(range(1, len(works) + 1))
    assert len({work.id for work in works}) == len(works)
    assert all(work.licence and work.lines for work in works)
    assert not any(reserved in work.path for work in works for reserved in ("palestrina", "essen", ".krn", "trecento"))


def test_no_composition_is_in_two_splits():
    splits = defaultdict(set)
    for work in load():
        splits[work.group].add(work.split)
    assert all(len(found) == 1 for found in splits.values())


def test_every_split_has_enough_works_of_several_composers():
    for split, fewest in (("train", 90), ("valid", 12), ("test", 20)):
        works = [work for work in load() if work.split == split]
        assert len(works) >= fewest and len({work.composer for work in works}) >= 6


def test_the_demo_takes_a_balanced_part():
    part = select(16)
    assert [sum(work.split == split for work in part) for split in ("train", "valid", "test")] == [10, 2, 4]
    assert len({work.composer for work in part}) >= 10
    assert part == select(16) and set(part) <= set(load()) and select(None) == load()


@pytest.mark.parametrize("values", [{"works": 2}, {"variants": -1}, {"seconds": 0.0}])
def test_settings_that_make_no_corpus_are_refused(values):
    with pytest.raises(UserError):
        NanoSettings(**values)


# Who plays


def test_instruments_are_slakhs():
    assert set(instrumentation.INSTRUMENTS) | {"drums"} == set(CLASSES)
    for instrument in instrumentation.INSTRUMENTS.values():
        assert {class_of(program, False) for program in instrument.programs} == {instrument.name}
        assert instrument.high - instrument.low >= 12  # a fold by octaves always fits


def test_the_corpus_covers_the_classes():
    seen = defaultdict(set)
    for work in load():
        _, roles = instrumentation.cast(work, 0, work.lines)
        names = [role.instrument for role in roles]
        assert 5 <= len(names) <= 9 and len(set(names)) == len(names)
        assert roles[0].line == 0  # the melody is always played
        seen[work.split] |= set(names)
    assert len(seen["train"]) >= 30 and len(seen["test"]) >= 24
    assert {"drums", "electric bass", "acoustic bass", "acoustic guitar", "clean electric guitar"} <= seen["test"]


def test_variants_are_cast_anew_and_repeatably():
    work = load()[0]
    casts = [instrumentation.cast(work, variant, work.lines) for variant in (0, 1, 2)]
    assert len(set(casts)) == 3
    assert casts == [instrumentation.cast(work, variant, work.lines) for variant in (0, 1, 2)]


# What they play


def test_lines_keep_their_pitch_classes_in_their_players_range(chorale):
    arrangement = arrange(chorale, 0, 20.0)
    roles = {role.instrument: role for role in instrumentation.cast(chorale.work, 0, chorale.work.lines)[1]}
    for stem in arrangement.stems:
        if stem.is_drum:
            continue
        instrument = instrumentation.INSTRUMENTS[stem.instrument]
        assert all(instrument.low <= note.pitch <= instrument.high for note in stem.notes)
        line = roles[stem.instrument].line
        if line is not None and stem.instrument not in BASSES:
            written = [(note.start, note.pitch % 12) for note in arrangement.score.lines[line].notes]
            assert [(note.start, note.pitch % 12) for note in stem.notes] == written


@pytest.mark.parametrize("variant", [0, 1, 2])
def test_no_note_sticks_and_velocities_are_playable(chorale, variant):
    arrangement = arrange(chorale, variant, 20.0)
    assert arrangement.score.length * 60 / arrangement.score.bpm <= 20.0
    for stem in arrangement.stems:
        assert stem.notes and all(note.length > 0 and 40 <= note.velocity <= 118 for note in stem.notes)
        ends: dict[int, float] = {}
        for note in stem.notes:
            if not stem.is_drum:
                assert note.start >= ends.get(note.pitch, 0.0) - 1e-6
            ends[note.pitch] = note.end
            assert note.end <= arrangement.score.length + drums.HIT


def test_accompaniment_sounds_only_what_the_beat_holds(chorale):
    chords = harmony.chords(chorale)
    notes = [note for line in chorale.lines for note in line.notes]
    for chord in chords:
        beat = chord.beat
        sounding = {
            note.pitch % 12
            for note in notes
            if note.start < beat.start + beat.length - 1e-3 and note.end > beat.start + 1e-3
        }
        assert set(chord.pitch_classes) <= sounding
    assert harmony.tonic(chorale) == 3  # Wachet auf is in E flat


def test_variants_transpose_and_change_tempo(chorale):
    plain, variant = arrange(chorale, 0, 10.0), arrange(chorale, 1, 10.0)
    assert plain.transposition == 0 and plain.score.bpm == chorale.bpm
    assert variant.transposition != 0 and 0.8 < variant.score.bpm / chorale.bpm < 1.25
    melody, moved = plain.score.lines[0].notes, variant.score.lines[0].notes
    assert {after.pitch - before.pitch for before, after in zip(melody, moved, strict=False)} == {variant.transposition}


@pytest.mark.parametrize("feel", list(instrumentation.ENSEMBLES))
def test_drums_follow_the_metre(chorale, feel):
    part = drums.drum_part(chorale, harmony.chords(chorale), feel)
    beats = {round(beat.start, 4): beat for beat in chorale.beats()}
    downbeats = {start for start, beat in beats.items() if beat.weight == 3}
    grid = {round(start + beat.length * part_ / 4, 4) for start, beat in beats.items() for part_ in range(4)}
    assert {note.start for note in part} <= grid
    assert {note.start for note in part if note.pitch == drums.CRASH} <= downbeats
    kicked = {note.start for note in part if note.pitch == drums.KICK}
    first_full = next(bar.start for bar in chorale.bars if bar.origin == bar.start)
    assert {start for start in downbeats if start >= first_full} <= kicked
    assert part == drums.drum_part(chorale, harmony.chords(chorale), feel)


def test_fills_close_every_fourth_bar(chorale):
    part = drums.drum_part(chorale, harmony.chords(chorale), "rock")
    toms = [note.start for note in part if note.pitch in (drums.HIGH_TOM, drums.MID_TOM, drums.LOW_TOM)]
    first_full = next(index for index, bar in enumerate(chorale.bars) if bar.origin == bar.start)
    bars = {next(index for index, bar in enumerate(chorale.bars) if bar.start <= start < bar.end) for start in toms}
    assert bars and all((bar - first_full) % drums.PHRASE == drums.PHRASE - 1 for bar in bars)


# What is written


def test_layout_and_metadata_are_slakhs(corpus, folders):
    assert {path.parent.name for path in folders} == {"train", "validation", "test"}
    assert len(folders) == 4  # three works, and a variant of the one for training
    for folder in folders:
        metadata = yaml.safe_load((folder / "metadata.yaml").read_text())
        assert set(metadata) == SLAKH_KEYS
        for name, stem in metadata["stems"].items():
            assert set(stem) == SLAKH_STEM_KEYS and (folder / "MIDI" / f"{name}.mid").exists()
            info = soundfile.info(folder / "stems" / f"{name}.flac")
            assert (info.samplerate, info.channels, info.subtype) == (44100, 1, "PCM_16")
        assert {path.name for path in folder.iterdir()} == {
            "MIDI",
            "all_src.mid",
            "metadata.yaml",
            "mix.flac",
            "source.json",
            "stems",
        }
        source = json.loads((folder / "source.json").read_text())
        assert source["licence"] and work_of(folder.name).id == source["work"]


def test_the_slakh_reader_names_the_instruments_cast(folders):
    for folder in folders:
        source = json.loads((folder / "source.json").read_text())
        track = read_track(folder, "train")
        assert {stem.id: stem.instrument for stem in track.stems} == {
            name: stem["instrument"] for name, stem in source["stems"].items()
        }


def test_the_mix_is_the_sum_of_its_stems_and_does_not_clip(folders):
    for folder in folders:
        mix, _ = soundfile.read(folder / "mix.flac", dtype="int16")
        stems = [soundfile.read(path, dtype="int16")[0] for path in sorted((folder / "stems").iterdir())]
        np.testing.assert_array_equal(np.sum(stems, axis=0, dtype=np.int32), mix)
        assert np.abs(mix.astype(int)).max() <= 32767 * 10 ** (slakh_writer.PEAK / 20) + len(stems)


def test_stems_are_as_loud_as_the_metadata_says(folders):
    metadata = yaml.safe_load((folders[0] / "metadata.yaml").read_text())
    expected = slakh_writer.LOUDNESS + 20 * np.log10(metadata["overall_gain"])
    for path in (folders[0] / "stems").iterdir():
        wav, _ = soundfile.read(path)
        assert integrated_loudness(wav, 44_100) == pytest.approx(expected, abs=0.1)


def test_midi_holds_tempo_and_notes(folders):
    for folder in folders:
        source = json.loads((folder / "source.json").read_text())
        everything = ScoreSecond.from_file(folder / "all_src.mid")
        assert [round(tempo.qpm, 2) for tempo in everything.tempos] == [source["bpm"]]
        stems = [ScoreSecond.from_file(path) for path in sorted((folder / "MIDI").iterdir())]
        assert sum(len(track.notes) for track in everything.tracks) == sum(
            len(track.notes) for stem in stems for track in stem.tracks
        )


def test_bytes_do_not_depend_on_run_or_workers(corpus, tmp_path):
    render(tmp_path, SETTINGS, workers=2, progress=False)
    assert files_of(tmp_path) == files_of(corpus)


def test_a_stem_sounds_the_same_after_any_other(folders):
    midi = folders[0] / "MIDI" / "S00.mid"
    midi_synth.shared_synth.cache_clear()
    alone = midi_synth.play(midi, 48, False, 4.0)
    midi_synth.play(midi, 89, False, 1.0)  # cut off while notes sound
    np.testing.assert_array_equal(midi_synth.play(midi, 48, False, 4.0), alone)


def test_an_interrupted_run_goes_on(corpus, tmp_path):
    shutil.copytree(corpus, tmp_path / "again")
    root = tmp_path / "again" / "slakh"
    finished, killed = root / "train" / "Track00001", root / "train" / "Track01001"
    killed.rename(killed.with_name(".Track01001.partial"))
    (killed.with_name(".Track01001.partial") / "mix.flac").write_bytes(b"torn")
    before = finished.stat().st_mtime_ns, (finished / "mix.flac").stat().st_mtime_ns
    assert killed.name not in {folder.name for _, folder in find_tracks(root)}
    render(tmp_path / "again", SETTINGS, workers=1, progress=False)
    assert files_of(tmp_path / "again") == files_of(corpus)
    assert (finished.stat().st_mtime_ns, (finished / "mix.flac").stat().st_mtime_ns) == before


def test_tracks_of_another_length_are_not_mixed_in(corpus):
    with pytest.raises(UserError, match="seconds=6"):
        render(corpus, NanoSettings(works=3, seconds=7.0), workers=1, progress=False)


# Rendering folders of others


@pytest.fixture
def twin(folders, tmp_path) -> Path:
    """A track without sound whose second stem was never rendered, as S06 of Slakh's Track00001."""
    folder = tmp_path / "Track00099"
    shutil.copytree(folders[0], folder, ignore=shutil.ignore_patterns("*.flac", "stems", "source.json"))
    metadata = yaml.safe_load((folder / "metadata.yaml").read_text())
    metadata["stems"]["S01"] = {"audio_rendered": False, "inst_class": "Sound Effects", "is_drum": False,
                                "midi_program_name": "FX 8 (sci-fi)", "midi_saved": False, "plugin_name": "None",
                                "program_num": 103}  # fmt: skip
    (folder / "metadata.yaml").write_text(yaml.safe_dump(metadata))
    (folder / "MIDI" / "S01.mid").unlink()
    return folder


def test_a_gap_in_the_stems_is_respected(twin):
    before = yaml.safe_load((twin / "metadata.yaml").read_text())["stems"]
    render_track(twin)
    track = read_track(twin, "train")
    assert [stem.id for stem in track.stems] == [name for name in before if name != "S01"]
    assert not (twin / "stems" / "S01.flac").exists()
    after = yaml.safe_load((twin / "metadata.yaml").read_text())["stems"]
    assert after["S01"] == before["S01"] and {name: stem["program_num"] for name, stem in after.items()} == {
        name: stem["program_num"] for name, stem in before.items()
    }


def test_a_silent_stem_is_marked_not_written(twin):
    silent = twin / "MIDI" / "S02.mid"
    silent.write_bytes(b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0MTrk\x00\x00\x00\x04\x00\xff\x2f\x00")
    render_track(twin)
    stem = yaml.safe_load((twin / "metadata.yaml").read_text())["stems"]["S02"]
    assert not stem["audio_rendered"] and "integrated_loudness" not in stem
    assert not (twin / "stems" / "S02.flac").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [("metadata.yaml", None), ("metadata.yaml", b"stems: [1"), ("metadata.yaml", b"a: 1"), ("MIDI/S00.mid", None),
     ("MIDI/S00.mid", b"not MIDI")],
)  # fmt: skip
def test_a_damaged_folder_is_refused_in_one_line(twin, name, content):
    (twin / name).unlink() if content is None else (twin / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        render_track(twin)
    assert "\n" not in str(caught.value)
    assert not (twin / "mix.flac").exists()


def test_slakhs_first_track_is_rendered(real_track, tmp_path):
    folder = tmp_path / "Track00001"
    shutil.copytree(real_track, folder, copy_function=shutil.copyfile)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    render_track(folder)
    stems = read_track(folder, "train").stems
    assert len(stems) == 10 and "S06" not in {stem.id for stem in stems}
    assert soundfile.info(folder / "mix.flac").duration == pytest.approx(238, abs=2)
