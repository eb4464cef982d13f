"""One instrument is told from several by the shipped recogniser's ear; how often it errs is measured on a data set."""

from pathlib import Path

import numpy as np
import pretty_midi
import pytest

from dataset_builder.music import midi_synth
from orchestrator_solver import cli
from orchestrator_solver.generation.references.one_instrument import is_one_instrument

PARTS = {32: (36, 43, 41, 36), 0: (60, 64, 67, 72), 56: (76, 79, 77, 76), 128: (36, 38, 36, 38)}  # program: pitches


def rendered(folder: Path, programs: tuple[int, ...]) -> np.ndarray:
    """Ten seconds of these programs at 44.1 kHz."""
    midi = pretty_midi.PrettyMIDI(initial_tempo=120)
    for program in programs:
        part = pretty_midi.Instrument(program % 128, is_drum=program == 128)
        part.notes = [
            pretty_midi.Note(90, PARTS[program][beat % 4] + 2 * (beat // 4 % 3), beat / 2, beat / 2 + 0.45)
            for beat in range(20)
        ]
        midi.instruments.append(part)
    midi.write(str(folder / "a.mid"))
    return midi_synth.render_whole(folder / "a.mid", 0.0, 10.0)


@pytest.mark.parametrize(("programs", "one"), [((32,), True), ((128,), True), ((32, 0, 56, 128), False)])
def test_a_bass_is_one_instrument_and_a_band_is_not(tmp_path: Path, programs: tuple[int, ...], one: bool) -> None:
    assert is_one_instrument(rendered(tmp_path, programs), midi_synth.SAMPLE_RATE) is one


def test_a_reference_of_a_second_or_of_silence(tmp_path: Path) -> None:
    assert is_one_instrument(rendered(tmp_path, (32,))[:44_100], midi_synth.SAMPLE_RATE) in (True, False)
    assert is_one_instrument(np.zeros(44_100, np.float32), 44_100)


def test_its_error_is_measured(tiny_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--data", str(tiny_data), "--split", "train", "--seconds", "0:02")
    assert cli.main(["bench", "one-instrument", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "one instrument or several, by 2 s of items in train:"
    assert any(line.startswith("stem ") and " wrong (" in line for line in lines[1:])
