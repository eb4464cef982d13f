"""MusicXML of strangers as a tree: without entities, of bounded size and depth, and without what has no sound.

A few bytes of zip or of nested entities stand for more than any memory holds, and a number that says how often, how
high or on how many staves keeps a reader busy without end.
"""

import io
import re
import zipfile
import zlib
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from ...runtime.untrusted import read_regular, shown

LARGEST_FILE, LARGEST_XML = 1 << 24, 1 << 26  # bytes on disk, and unzipped: a symphony's score has 30 million
MOST_NOTES = 40_000  # of a long quartet; music21 takes half a minute
_MOST_ELEMENTS, _DEEPEST = 1_000_000, 32
_CONTAINER = "META-INF/container.xml"
_SILENT = frozenset({
    "beam", "credit", "defaults", "figured-bass", "harmony", "identification", "lyric", "measure-style", "notations",
    "notehead", "part-group", "print", "score-instrument-sound", "staff-details", "stem", "work",
})  # fmt: skip
_MOST = {  # of what an element's number may be; music21 takes a minute for a bar of 1,000 beats
    "alter": 12, "beat-type": 64, "beats": 32, "chromatic": 48, "diatonic": 48, "divisions": 10**6, "duration": 10**7,
    "fifths": 14, "octave": 12, "octave-change": 8, "staves": 8,
}  # fmt: skip
_MOST_NUMBER = 10**7
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)", re.ASCII)


def read_score(path: Path) -> Element:
    """The tree of a MusicXML file, plain (`.musicxml`, `.xml`) or zipped (`.mxl`).

    Raises:
        OSError: it is missing or cannot be read.
        ValueError: it is no MusicXML of this shape, or beyond bounds.
    """
    data = read_regular(path, LARGEST_FILE)
    root = _parsed(_unzipped(data) if data[:4] == b"PK\x03\x04" else data)
    if root.tag != "score-partwise":
        raise ValueError(f"its root is {shown(root.tag)}, expected score-partwise")
    return root


def _unzipped(data: bytes) -> bytes:
    """The score in a zipped file, which its container names."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            container = _parsed(_member(archive, _CONTAINER))
            name = next((found.get("full-path") for found in container.iter("rootfile")), None)
            if not name:
                raise ValueError(f"its {_CONTAINER} names no score")
            return _member(archive, name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, LookupError) as error:
        raise ValueError(f"it is no whole .mxl ({error})") from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    entry = archive.getinfo(name)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("it is packed by another method than deflate")
    with archive.open(entry) as file:  # whatever the directory says of its size
        data = file.read(LARGEST_XML + 1)
    return _bounded(data)


def _bounded(data: bytes) -> bytes:
    if len(data) > LARGEST_XML:
        raise ValueError(f"it holds more than {LARGEST_XML} bytes of XML")
    return data


def _parsed(data: bytes) -> Element:
    builder = _Builder()
    try:
        builder.parser.Parse(data, True)
    except (expat.ExpatError, LookupError) as error:  # LookupError: of an encoding that nobody knows
        raise ValueError(f"it is no XML ({error})") from error
    return builder.tree.close()


class _Builder:
    """Builds a tree of what sounds while expat reads.

    Raises:
        ValueError: there are entities, too many elements or levels, or a number that is too large.
    """

    def __init__(self) -> None:
        self.tree, self.parser = TreeBuilder(), expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler, self.parser.EndElementHandler = self._start, self._end
        self.parser.CharacterDataHandler = self._data
        self.parser.EntityDeclHandler = self._refuse_entity
        self._depth = self._dropped = self._elements = self._notes = 0
        self._text = ""

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        self._notes += tag == "note"
        if self._depth > _DEEPEST or self._elements > _MOST_ELEMENTS or self._notes > MOST_NOTES:
            raise ValueError(
                f"it is too large: expected at most {MOST_NOTES} notes, {_MOST_ELEMENTS} elements, {_DEEPEST} levels"
            )
        self._text = ""
        if self._dropped or tag in _SILENT:
            self._dropped += 1
        else:
            self.tree.start(tag, attributes)

    def _data(self, text: str) -> None:
        if not self._dropped:
            self._text += text
            self.tree.data(text)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if self._dropped:
            self._dropped -= 1
            return
        self._require_small(tag, self._text.strip())
        self._text = ""
        self.tree.end(tag)

    def _require_small(self, tag: str, text: str) -> None:
        for part in text.split("+") if tag == "beats" else [text]:  # 3+2 beats
            number = _NUMBER.fullmatch(part.strip())
            most = _MOST.get(tag, _MOST_NUMBER)
            if (tag in _MOST and not number) or (number and abs(float(part)) > most):
                raise ValueError(f"its {tag} is {shown(text)}, expected a number of at most {most}")

    def _refuse_entity(self, *_: object) -> None:
        raise ValueError("it declares entities, which no score needs")
