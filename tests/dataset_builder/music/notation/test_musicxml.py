"""Scores become the notes that are played: ties, chords, repeats, endings, jumps; and bombs are refused in a line."""

from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from fuzz.sources import SCORE, score_of, zipped_score
from symusic import Score
from symusic.core import ScoreTick

from dataset_builder.errors import UserError
from dataset_builder.music.notation.musicxml import midi_of
from dataset_builder.music.notation.play_order import bars_of, play_order

QUARTER = 960


def played(path: Path, data: bytes) -> ScoreTick:
    path.write_bytes(data)
    return Score.from_midi(midi_of(path))


@pytest.mark.parametrize("data", [SCORE.encode(), SCORE.replace("UTF-8", "UTF-16").encode("utf-16"),
                                  zipped_score(SCORE.encode())], ids=["plain", "UTF-16", "mxl"])  # fmt: skip
def test_a_score(tmp_path: Path, data: bytes) -> None:
    """A tie is one note, a grace note none; the first ending is played once, then the second."""
    score = played(tmp_path / "a.xml", data)
    flute, drums = score.tracks
    notes = sorted((note.time / QUARTER, note.duration / QUARTER, note.pitch) for note in flute.notes)
    assert notes == [(0, 2, 67), (2, 1.5, 74), (2, 1.5, 78), (4, 2, 67), (6, 2, 79)]
    assert (flute.program, flute.is_drum, drums.is_drum) == (73, False, True)
    assert [note.time / QUARTER for note in drums.notes] == [0, 4]
    assert {round(tempo.qpm) for tempo in score.tempos} == {90}


def test_a_clarinet_in_b_flat_sounds_a_tone_lower(tmp_path: Path) -> None:
    note = "<note><pitch><step>C</step><octave>5</octave></pitch><duration>4</duration></note>"
    transpose = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
    bar = f"<measure><attributes><divisions>1</divisions>{transpose}</attributes>{note}</measure>"
    (track,) = played(tmp_path / "a.xml", score_of(bar)).tracks
    assert [one.pitch for one in track.notes] == [70]


FORWARD, BACK = '<repeat direction="forward"/>', '<repeat direction="backward"/>'
ENDING = '<ending number="{0}" type="start"/><ending number="{0}" type="stop"/>'


@pytest.mark.parametrize(
    ("bars", "order"),
    [
        (["", "", ""], [0, 1, 2]), (["", BACK, ""], [0, 1, 0, 1, 2]), (["", FORWARD, BACK, ""], [0, 1, 2, 1, 2, 3]),
        ([FORWARD + BACK, "", BACK], [0, 0, 1, 2, 1, 2]),
        (["", ENDING.format(1) + BACK, ENDING.format(2), ""], [0, 1, 0, 2, 3]),
        (["", ENDING.format("1, 2") + BACK, ENDING.format(3), "", BACK], [0, 1, 0, 1, 0, 2, 3, 4, 3, 4]),
        (['<repeat direction="backward" times="3"/>'], [0, 0, 0]),
        (["", '<sound fine="yes"/>', '<sound dacapo="yes"/>'], [0, 1, 2, 0, 1]),
        (["", '<sound segno="a"/>', '<sound tocoda="b"/>', '<sound dalsegno="a"/>', '<sound coda="b"/>'],
         [0, 1, 2, 3, 1, 2, 4]),
        (["", BACK, '<sound dacapo="yes"/>'], [0, 1, 0, 1, 2, 0, 1, 2]),
    ],
)  # fmt: skip
def test_bars_are_played_in_order(bars: list[str], order: list[int]) -> None:
    part = fromstring("<part>" + "".join(f"<measure>{bar}</measure>" for bar in bars) + "</part>")
    assert play_order(bars_of(part)) == order


def test_a_bar_that_is_repeated_by_itself_is_played_twice_however_many_there_are() -> None:
    part = fromstring("<part>" + f"<measure>{BACK}</measure>" * 3000 + "</part>")
    assert len(play_order(bars_of(part))) == 6000


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b'<!DOCTYPE a [<!ENTITY x "y">]><score-partwise>&x;</score-partwise>', "it declares entities"),
        (SCORE.replace("UTF-8", "UTV-8").encode(), "it is no XML (unknown encoding: UTV-8)"),
        (zipped_score(b"<a>" + bytes(1 << 27)), "more than 67108864 bytes of XML"),
        (zipped_score(SCORE.encode())[:-60], "no whole .mxl"), (SCORE.encode()[:-60], "it is no XML"),
        (score_of("<measure/>" * 1_000_001), "expected at most 40000 notes"),
        (score_of("<measure>" + "<a>" * 40), "32 levels"), (b"<html/>", "its root is 'html', expected score-partwise"),
        (score_of("<measure><attributes><staves>100000</staves></attributes></measure>"), "its staves is '100000'"),
        (score_of("<measure><note><duration>1e99</duration></note></measure>"), "its duration is '1e99'"),
        (score_of("<measure><attributes><time><beats>1320</beats></time></attributes></measure>"), "beats is '1320'"),
        (score_of("<measure><attributes><time><beats>3+99</beats></time></attributes></measure>"), "beats is '3+99'"),
        (score_of("<measure/>" * 199 + '<measure><repeat direction="backward" times="99"/></measure>'), "10000 bars"),
        (score_of('<measure><repeat direction="backward" times="1000"/></measure>'), "expected 1 to 99"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, data: bytes, line: str) -> None:
    (tmp_path / "a.mxl").write_bytes(data)
    with pytest.raises(UserError, match="cannot be read as MusicXML") as caught:
        midi_of(tmp_path / "a.mxl")
    assert line in str(caught.value) and "\n" not in str(caught.value)
