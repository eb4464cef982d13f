"""Doors of sources and references: audio, MIDI, and the YAML and JSON that lie beside them."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from support.tiny_slakh import write_track

from dataset_builder.audio import reading
from dataset_builder.audio.mixdown import Sum, write_sums
from dataset_builder.audio.track_audio import TrackAudio
from dataset_builder.audit.track_audit import audit_track
from dataset_builder.music.key import fast_key, music21_key
from dataset_builder.music.melody_score import melody_score
from dataset_builder.music.midi import merged, read_midi
from dataset_builder.music.tempo import track_bpm
from dataset_builder.sources.registry import READERS
from orchestrator_solver.generation.results import KeptTakes, write_results

from .door import Door, Opened
from .mutation import bytes_of, json_of, xml_of, yaml_of

RATE, SECONDS = 8_000, 1.5
PROGRAMS = {0: 40, 1: 128, 3: 33}  # violin, drums, bass; the number between was not rendered
OWN = """split: train
licence: CC BY 4.0
mix: song.wav
stems: {lead.wav: violin, click.wav: ignore, "02 bass.wav": electric bass}
"""


_CONTAINER = '<container><rootfiles><rootfile full-path="score.xml"/></rootfiles></container>'


def zipped_score(score: bytes, container: str = _CONTAINER) -> bytes:
    """A score as `.mxl`."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("META-INF/container.xml"), container)
        archive.writestr(zipfile.ZipInfo("score.xml"), score, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def put(path: Path, data: bytes) -> None:
    """Write a new file in the place of one, which may still be mapped."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


SCORE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">
<score-partwise version="4.0"><work><work-title>A tune</work-title></work>
<part-list><score-part id="P1"><part-name>Flute</part-name><score-instrument id="P1-I1"><instrument-name>Flute
</instrument-name></score-instrument><midi-instrument id="P1-I1"><midi-channel>1</midi-channel>
<midi-program>74</midi-program></midi-instrument></score-part>
<score-part id="P2"><part-name>Drums</part-name></score-part></part-list>
<part id="P1"><measure number="1"><attributes><divisions>2</divisions><key><fifths>1</fifths></key>
<time><beats>2</beats><beat-type>4</beat-type></time><clef><sign>G</sign><line>2</line></clef></attributes>
<direction><direction-type><metronome><beat-unit>quarter</beat-unit><per-minute>90</per-minute></metronome>
</direction-type><sound tempo="90"/></direction><barline location="left"><repeat direction="forward"/></barline>
<note><pitch><step>G</step><octave>4</octave></pitch><duration>2</duration><tie type="start"/></note>
<note><grace/><pitch><step>A</step><octave>4</octave></pitch><type>eighth</type></note>
<note><pitch><step>G</step><octave>4</octave></pitch><duration>2</duration><tie type="stop"/></note></measure>
<measure number="2"><barline location="left"><ending number="1" type="start"/></barline>
<note><pitch><step>F</step><alter>1</alter><octave>5</octave></pitch><duration>3</duration><dot/></note>
<note><chord/><pitch><step>D</step><octave>5</octave></pitch><duration>3</duration></note>
<note><rest/><duration>1</duration></note>
<barline location="right"><ending number="1" type="stop"/><repeat direction="backward"/></barline></measure>
<measure number="3"><barline location="left"><ending number="2" type="start"/></barline>
<note><pitch><step>G</step><octave>5</octave></pitch><duration>4</duration></note>
<barline location="right"><ending number="2" type="discontinue"/></barline><sound fine="yes"/></measure></part>
<part id="P2"><measure number="1"><attributes><divisions>1</divisions>
<time><beats>2</beats><beat-type>4</beat-type></time></attributes>
<note><unpitched><display-step>C</display-step><display-octave>5</display-octave></unpitched><duration>2</duration></note>
<backup><duration>2</duration></backup><forward><duration>1</duration></forward></measure>
<measure number="2"/><measure number="3"/></part></score-partwise>
"""


def tiny_track(folder: Path) -> Path:
    """A track in Slakh's layout that is read in a hundredth of a second."""
    return write_track(folder / "train/Track00001", 120.0, PROGRAMS, SECONDS, RATE)


def _tone(channels: int = 1, rate: int = RATE) -> np.ndarray:
    time = np.arange(round(SECONDS * rate)) / rate
    wav = 0.3 * np.sin(2 * np.pi * 440 * time) * (1 + np.sin(2 * np.pi * 3 * time)) / 2
    return np.stack([wav / (channel + 1) for channel in range(channels)], axis=1)


def _sounds() -> list[bytes]:
    """A tone in every format that is read; Ogg's, in which libsndfile writes a number by chance, is kept as a file."""
    kinds = [("WAV", "PCM_16", 1), ("WAV", "FLOAT", 2), ("FLAC", "PCM_16", 1), ("FLAC", "PCM_24", 2),
             ("AIFF", "PCM_16", 1), ("MP3", "MPEG_LAYER_III", 1), ("WAV", "PCM_U8", 1),
             ("WAV", "IMA_ADPCM", 1)]  # fmt: skip
    found = []
    for name, subtype, channels in kinds:
        file = io.BytesIO()
        soundfile.write(file, _tone(channels), RATE, format=name, subtype=subtype)
        found.append(file.getvalue())
    return [*found, Path(__file__).with_name("tone.ogg").read_bytes()]


def _other_sounds() -> list[bytes]:
    """The tone as AAC and Apple Lossless, kept as files: encoders change."""
    return [Path(__file__).with_name(name).read_bytes() for name in ("tone.m4a", "tone.aac", "tone-alac.m4a")]


def _of_sound(
    read: Callable[[Path], object], originals: Callable[[], list[bytes]] = _sounds
) -> Callable[[Path], Opened]:
    """A door at which a file of audio comes in alone."""

    def opened(folder: Path) -> Opened:
        path = folder / "sound.wav"  # libsndfile goes by the content

        def read_bytes(data: bytes) -> object:
            put(path, data)
            return read(path)

        return Opened(originals(), read_bytes)

    return opened


def _decoded_once(path: Path) -> object:
    """As a build does, captions included."""
    audio = TrackAudio(1 << 24)
    frames = audio.frames(path)
    wav = audio.read_sum([(path, 1.0)], frames.duration / 3, min(frames.duration / 2, 10.0), 16_000)
    return frames.duration, wav.sum(), reading.info(path)


def _excerpt(path: Path) -> object:
    """As training does: nobody has decoded the whole file before."""
    return [reading.read_sum([(path, 0.5)], start, 0.5, rate).sum() for start in (0.0, 0.9) for rate in (RATE, 16_000)]


def _written_out(path: Path) -> object:
    """As `materialise` does."""
    info = reading.info(path)
    frames = min(info.frames, 20 * info.sample_rate)
    write_sums([Sum(path.with_name("sum.flac"), ((path, 0.7), (path, 0.7)), frames)], info.sample_rate)
    return frames


def _played_from(path: Path) -> object:
    """As `orchestrate` does."""
    from orchestrator_solver.generation.reference_audio import read_reference
    from orchestrator_solver.generation.references.excerpt import Part

    return read_reference(path, Part(0.05, 1.25)).record()


def _open_score(folder: Path) -> Opened:
    """A score as `orchestrate` reads it, plain and zipped."""

    def read(data: bytes) -> object:
        put(folder / "tune.musicxml", data)
        return _played_from(folder / "tune.musicxml")

    return Opened([SCORE.encode(), zipped_score(SCORE.encode())], read)


def _open_takes(folder: Path) -> Opened:
    """A take's record in a folder that is played into again."""
    record = {"reference": {"file": "a.wav"}, "prompt": "", "instruments": ["violin"], "words": ["violin"], "seed": 0,
              "settings": {"guidance": 3.0}, "model": {"name": "nano", "sha256": "0"}, "computed": {},
              "scores": {"SIM": 0.5}, "seconds": {"audio": 1.5}, "warnings": ["x"]}  # fmt: skip
    (folder / "take.wav").write_bytes(b"x")

    def read(data: bytes) -> object:
        put(folder / "take.json", data)
        KeptTakes(folder, "wav").find(record)
        write_results(folder / "results.csv", folder, [])
        return (folder / "results.csv").read_bytes()

    return Opened([json.dumps(record).encode()], read)


def _open_audit(folder: Path) -> Opened:
    """A stem beside others, of which `audit` compares all."""
    track = tiny_track(folder)
    (track / "stems/S00.flac").unlink()

    def read(data: bytes) -> object:
        put(track / "stems/S00.wav", data)
        return [str(defect) for defect in audit_track("slakh", track, "train")]

    return Opened(_sounds(), read)


def _of_midi(read: Callable[[Path], object]) -> Callable[[Path], Opened]:
    """A door at which a MIDI file comes in."""

    def opened(folder: Path) -> Opened:
        track = tiny_track(folder)
        originals = [(track / name).read_bytes() for name in ("all_src.mid", "MIDI/S00.mid", "MIDI/S01.mid")]
        path = folder / "tune.mid"

        def read_bytes(data: bytes) -> object:
            put(path, data)
            return read(path)

        return Opened([*originals, midi(_NOTES)], read_bytes)

    return opened


def _understood(path: Path) -> object:
    """As a build does."""
    score = read_midi(path)
    both = merged([score, score])
    return track_bpm(score), melody_score(score, 0.5, 1.0, "violin"), fast_key(path), both and both.note_num()


def _open_metadata(folder: Path) -> Opened:
    track = tiny_track(folder)

    def read(data: bytes) -> object:
        put(track / "metadata.yaml", data)
        defects = [str(defect) for defect in audit_track("slakh", track, "train")]
        return defects, READERS["slakh"].read_track(track, "train")

    return Opened([(track / "metadata.yaml").read_bytes()], read)


def _open_licence(folder: Path) -> Opened:
    track = tiny_track(folder)

    def read(data: bytes) -> object:
        put(track / "source.json", data)
        return READERS["nano"].read_track(track, "train")

    return Opened([b'{"licence": "CC0", "seconds": 1.5, "composer": "J. S. Bach", "files": ["a", "b"]}'], read)


def _open_own_stems(folder: Path) -> Opened:
    song = folder / "song"
    song.mkdir()
    for name in ("lead", "click", "02 bass", "song"):
        soundfile.write(song / f"{name}.wav", _tone(), RATE)

    def read(data: bytes) -> object:
        put(song / "track.yaml", data)
        return [READERS["stems"].read_track(path, split) for split, path in READERS["stems"].find_tracks(folder)]

    return Opened([OWN.encode()], read)


def score_of(bars: str) -> bytes:
    """A score of one part with these bars."""
    head = '<score-partwise><part-list><score-part id="P1"><part-name>Violin</part-name></score-part></part-list>'
    return f'{head}<part id="P1">{bars}</part></score-partwise>'.encode()


def _bar(more: str = "", duration: str = "4") -> str:
    note = f"<note><pitch><step>A</step><octave>4</octave></pitch><duration>{duration}</duration></note>"
    return f"<measure><attributes><divisions>1</divisions></attributes>{note}{more}</measure>"


_BACK = '<barline><repeat direction="backward"/></barline>'
_LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(12))
_SCORES: dict[str, Callable[[], bytes]] = {
    "a zip bomb": lambda: zipped_score(b"<a>" + bytes(1 << 27)),
    "entities": lambda: f'<!DOCTYPE a [<!ENTITY l0 "ha">{_LAUGHS}]><score-partwise>&l12;</score-partwise>'.encode(),
    "a file as entity": lambda: b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><score-partwise>&x;</score-partwise>',
    "a million notes": lambda: score_of(_bar() * 1_000_000)[: 1 << 24],
    "200 bars that are repeated each": lambda: score_of(_bar(_BACK) * 200),
    "99 times 99 bars": lambda: score_of(_bar() * 199 + _bar(_BACK.replace("/>", ' times="99"/>'))),
    "a repeat of 10^9": lambda: score_of(_bar(_BACK.replace("/>", ' times="1000000000"/>'))),
    "10^9 staves": lambda: score_of(_bar("<attributes><staves>1000000000</staves></attributes>")),
    "a note of 10^9 quarters": lambda: score_of(_bar(duration="1000000000")),
    "notes of 10^7 quarters": lambda: score_of(_bar(duration="10000000") * 100),
    "1,320 beats": lambda: score_of(_bar("<attributes><time><beats>1320</beats></time></attributes>")),
    "an encoding that nobody knows": lambda: SCORE.replace("UTF-8", "UTV-8").encode(),
    "an octave of 10^9": lambda: score_of(_bar().replace("<octave>4", "<octave>1000000000")),
    "thousands of levels": lambda: score_of("<a>" * 100_000), "no part": lambda: b"<score-partwise/>",
    "a part without bars": lambda: score_of(""), "timewise": lambda: b"<score-timewise/>",
    "a container of entities": lambda: zipped_score(b"<a/>", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'),
    "another method": lambda: zipped_score(SCORE.encode()).replace(b"\x08\0\0\0", b"\x63\0\0\0"),
}  # fmt: skip


def midi(events: bytes, quarter: int = 480, tracks: int = 1) -> bytes:
    """A MIDI file of one track."""
    events += b"\0\xff\x2f\0"
    return b"MThd" + struct.pack(">IHHH", 6, 1, tracks, quarter) + b"MTrk" + struct.pack(">I", len(events)) + events


_NOTES = (
    b"\0\xff\x51\x03\x07\xa1\x20\0\xff\x58\x04\x04\x02\x18\x08\0\xff\x59\x02\0\0\0\xc0\x28\0\xb0\x07\x64\0\xe0\0\x40"
    b"\0\x90\x3c\x40\x60\x3c\0\0\x43\x40\x8f\x00\x80\x43\0\0\xf0\x03\x01\x02\xf7\0\x99\x24\x40\x60\x89\x24\0"
)
_LONG = b"\xff\xff\xff\x7f\x90\x3c\x40\xff\xff\xff\x7f\x80\x3c\x00"  # after 2^28 ticks, for as many


def _crowd(notes: int) -> bytes:
    """So many notes at one tick."""
    begins = b"".join(b"\0\x90" + bytes([note % 128, 64]) for note in range(notes))
    return midi(begins + b"".join(b"\0\x80" + bytes([note, 0]) for note in range(128)))


def wav_header(rate: int, channels: int = 1, promised: int = 1000) -> bytes:
    """A WAV file of some hundred samples that promises what it will."""
    form = struct.pack("<HHIIHH", 1, channels, rate, rate % (1 << 31), 2 * channels % (1 << 16), 16)
    return b"RIFF" + struct.pack("<I", 1036) + b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack(
        "<I", promised) + bytes(range(250)) * 4  # fmt: skip


def _flac(samples: int, rate: int | None = None) -> bytes:
    """A FLAC file whose header promises so many samples, at a rate."""
    data = bytearray(_sounds()[2])
    fields = int.from_bytes(data[18:26], "big")  # 20 bits of rate, 8 of channels and depth, then 36 of samples
    rest = (fields >> 36 & 0xFF) | (rate if rate is not None else fields >> 44) << 8
    data[18:26] = (rest << 36 | samples).to_bytes(8, "big")
    return bytes(data)


def _written(wav: np.ndarray, kind: str = "WAV", subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, wav, RATE, format=kind, subtype=subtype)
    return file.getvalue()


_HEADERS: dict[str, Callable[[], bytes]] = {
    "2 GHz": lambda: wav_header((1 << 31) - 1), "1 Hz": lambda: wav_header(1), "0 Hz": lambda: wav_header(0),
    "1000 channels": lambda: wav_header(RATE, 1000), "2 GB promised": lambda: wav_header(RATE, 1, (1 << 31) - 2),
    "FLAC of 2^36 samples": lambda: _flac((1 << 36) - 1), "FLAC of 0 samples": lambda: _flac(0),
    "FLAC of 23 hours": lambda: _flac(23 * 3600 * RATE), "FLAC of 1 Hz": lambda: _flac(12_000, 1),
    "FLAC of 23 hours at 655 kHz": lambda: _flac(23 * 3600 * 655_350, 655_350),
    "one sample": lambda: _written(np.full((1, 1), 0.5)), "five hours of silence": lambda: _written(
        np.zeros((5 * 3600 * RATE, 1), np.int16), "FLAC"),
    "NaN": lambda: _written(np.full((20_000, 1), np.nan), subtype="FLOAT"),
    "infinite": lambda: _written(np.full((20_000, 1), np.inf), subtype="FLOAT"),
    "MIDI": lambda: midi(_NOTES), "a score": SCORE.encode,
}  # fmt: skip
_CROWDS: dict[str, Callable[[], bytes]] = {
    "20,000 notes at one tick": lambda: _crowd(20_000), "10^9 ticks": lambda: midi(_LONG * 500, 1),
    "2,000 notes at one tick": lambda: _crowd(2_000), "a quarter of 0 ticks": lambda: midi(_NOTES, 0),
    "17 MB": lambda: midi(bytes(17 << 20)), "65,535 tracks": lambda: midi(_NOTES, 480, 65_535),
}  # fmt: skip
_LEVELS: dict[str, Callable[[], bytes]] = {
    "thousands of levels": lambda: b"x: " + b"[" * 90_000 + b"]" * 90_000,
    "a megabyte": lambda: b"x: '" + b"y" * (1 << 20) + b"'\n",
}

DOORS = {
    "audio of a build": Door(_of_sound(_decoded_once), bytes_of, crafted=_HEADERS),
    "audio of an excerpt": Door(_of_sound(_excerpt), bytes_of, crafted=_HEADERS),
    "audio written out": Door(_of_sound(_written_out), bytes_of, crafted=_HEADERS),
    "audio of an audit": Door(_open_audit, bytes_of, crafted=_HEADERS),
    "audio played from": Door(_of_sound(_played_from), bytes_of, crafted=_HEADERS),
    "AAC played from": Door(_of_sound(_played_from, _other_sounds), bytes_of),
    "a score played from": Door(_open_score, xml_of, crafted=_SCORES),
    "takes of before": Door(_open_takes, json_of),
    "MIDI of a build": Door(_of_midi(_understood), bytes_of, crafted=_CROWDS),
    "MIDI by music21": Door(_of_midi(music21_key), bytes_of, crafted=_CROWDS),
    "MIDI played from": Door(_of_midi(_played_from), bytes_of, crafted=_CROWDS),
    "YAML of Slakh": Door(_open_metadata, yaml_of, crafted=_LEVELS),
    "YAML of own stems": Door(_open_own_stems, yaml_of, crafted=_LEVELS),
    "JSON of a licence": Door(_open_licence, json_of),
}
