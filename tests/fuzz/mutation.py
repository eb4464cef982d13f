"""Changes inputs as a failing disk or a stranger would; what comes out follows from the generator's seed alone."""

import gzip
import io
import json
import math
import re
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import yaml

Mutate = Callable[[np.random.Generator, Sequence[bytes]], bytes]
Path = tuple[str | int, ...]  # of a value within JSON's lists and objects
_MARK = "@mark@"  # where text stands that no Python value is written as
_TEXTS = (
    *(opening * 100_000 for opening in ("[", '{"a":')), "[" * 900 + "]" * 900, "9" * 5000, "-9" + "9" * 400, "1e999",
    "NaN", "-Infinity", '"\\ud800"', '"\\u0000"', "\ufeff1", "1.", "0x1", '{"a": 1, "a": 2}', "",
)  # fmt: skip
_NASTY: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 3, 7, 128, 1.5, -0.0, 1e-320, 1e308, 10**9, 2**31, 2**53, 2**63, -(2**63) - 1,
    10**30, "", "x", "0", "-1", "x" * 5000, "\0", "\x1b]0;owned\x07", "\u202e", "\u2028", "\u0663", "../../victim",
    "/dev/zero", "/etc/passwd", "~", ".", "..", "a/../b", "file:///etc/passwd", "${oc.env:HOME}", "${x}", "{{7*7}}",
    "<script>", [], {}, [None], [[]], [1], ["x"], {"a": 1}, {"": None}, {"__class__": "x"}, [0.0, -1.0], [[1.0, 0.5]],
    list(range(2000)), {str(number): number for number in range(2000)},
)  # fmt: skip
_YAML = (
    "!!int ''", "!!timestamp 'x'", "!!bool x", "!!float ''", "!!binary '!'", "!!python/object/apply:os.system [id]",
    "!!set {a, b}", "!!omap [a: 1]", "!!pairs [1]", "&a [*a]", "*b", "{<<: 1}", "{<<: {a: 1}, <<: {a: 2}}", "? ? ?",
    "[" * 2000, "0o9", "1_000", "1:30:00", "2001-01-01", "2001-13-45", ".nan", "-.inf", "yes", "~", "|", ">", "%YAML 9",
    "--- 1\n--- 2", "\t", "'", '"\\x"', '"\\ud800"', "@", "`", "a: b: c",
)  # fmt: skip
_NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 63) - 1)


def bytes_of(rng: np.random.Generator, originals: Sequence[bytes]) -> bytes:
    """Bits and bytes flipped, cut, put in, repeated, overwritten by telling numbers, or taken from elsewhere."""
    data = bytearray(_one(rng, originals))
    for _ in range(int(rng.integers(1, 6))):
        _change(rng, data, originals)
    return bytes(data)


def _change(rng: np.random.Generator, data: bytearray, originals: Sequence[bytes]) -> None:
    low = int(rng.integers(0, min(len(data), 64 if rng.random() < 0.5 else len(data)) + 1))  # headers matter most
    high = min(len(data), low + int(rng.integers(1, 65)))
    kind = int(rng.integers(0, 8))
    if kind == 0 and low < len(data):
        data[low] ^= 1 << int(rng.integers(0, 8))
    elif kind == 1:
        data[low:high] = rng.bytes(high - low)
    elif kind == 2:
        del data[low:high]
    elif kind == 3:
        data[low:low] = data[low:high] * int(rng.integers(1, 9))
    elif kind == 4:
        del data[int(rng.integers(0, len(data) + 1)) :]
    elif kind == 5:
        number = int(_one(rng, _NUMBERS))
        width = int(_one(rng, (1, 2, 4, 8)))
        data[low : low + width] = (number % (1 << 8 * width)).to_bytes(width, _one(rng, ("little", "big")))
    elif kind == 6:
        other = _one(rng, originals)
        begin = int(rng.integers(0, len(other) + 1))
        data[low:high] = other[begin : begin + int(rng.integers(1, 257))]
    else:
        data[low:high] = bytes([int(_one(rng, (0, 0xFF, 0x7F, 0x80, 0x20)))]) * (high - low)


def json_of(rng: np.random.Generator, originals: Sequence[bytes]) -> bytes:
    """JSON whose values are others, of other types, missing, new or elsewhere; sometimes it is no JSON any more."""
    if rng.random() < 0.15:
        return bytes_of(rng, originals)
    return _written(rng, _changed(rng, json.loads(_one(rng, originals))), json.dumps)


def xml_of(rng: np.random.Generator, originals: Sequence[bytes]) -> bytes:
    """XML of which tags, texts or values are others, missing, twice or elsewhere; sometimes it is no XML any more."""
    if rng.random() < 0.3:
        return bytes_of(rng, originals)
    parts = re.split(r"(<[^>]*>)", _one(rng, [data for data in originals if data[:1] == b"<"]).decode())
    for _ in range(int(rng.integers(1, 6))):
        kind, tags = int(rng.integers(0, 6)), rng.random() < 0.2
        place = int(_one(rng, [place for place, part in enumerate(parts) if tags or not part.startswith("<")]))
        if kind == 0 and tags:
            parts[place] = parts[int(rng.integers(0, len(parts)))]
        elif kind == 1 and tags:
            parts[place] *= int(_one(rng, (0, 2, 9)))
        else:
            value = str(_one(rng, [value for value in _NASTY if isinstance(value, int | float | str)]))
            parts[place] = re.sub('"[^"]*"', f'"{value}"', parts[place]) if parts[place].startswith("<") else value
    return "".join(parts).encode(errors="surrogatepass")


def json_lines_of(rng: np.random.Generator, originals: Sequence[bytes]) -> bytes:
    """JSON, a value a line, of which one is another, missing or twice."""
    if rng.random() < 0.15:
        return bytes_of(rng, originals)
    lines = _one(rng, originals).splitlines()
    at = int(rng.integers(0, len(lines)))
    kind = int(rng.integers(0, 8))
    lines[at : at + 1] = [] if kind == 0 else [lines[at]] * 2 if kind == 1 else [json_of(rng, [lines[at]])]
    return b"\n".join(lines) + b"\n"


def zipped_json_lines_of(rng: np.random.Generator, originals: Sequence[bytes]) -> bytes:
    """The same, gzipped."""
    if rng.random() < 0.2:
        return bytes_of(rng, originals)
    return gzip.compress(json_lines_of(rng, [gzip.decompress(data) for data in originals]), 1, mtime=0)


def yaml_of(rng: np.random.Generator, originals: Sequence[bytes]) -> bytes:
    """YAML whose values are others, and what only YAML has: tags, anchors, merges, times."""
    kind = rng.random()
    if kind < 0.15:
        return bytes_of(rng, originals)
    if kind < 0.5:
        text = _one(rng, originals).decode()
        places = [at + 1 for at, letter in enumerate(text) if letter in ":-,["] or [0]
        at = int(_one(rng, places))
        end = text.find("\n", at) if rng.random() < 0.7 else at
        return f"{text[:at]} {_one(rng, _YAML)} {text[end:]}".encode("utf-8", "surrogatepass")
    return _written(rng, _changed(rng, yaml.safe_load(_one(rng, originals))), yaml.safe_dump)


def safetensors_of(rng: np.random.Generator, originals: Sequence[bytes]) -> bytes:
    """safetensors whose header or payload is another, or whose bytes are."""
    if rng.random() < 0.3:
        return bytes_of(rng, originals)
    data = _one(rng, originals)
    size = int.from_bytes(data[:8], "little")
    header, payload = data[8 : 8 + size], data[8 + size :]
    if rng.random() < 0.5 and payload:
        payload = bytes_of(rng, [payload])
    else:
        header = json_of(rng, [header])
    return struct.pack("<Q", len(header)) + header + payload


def zip_of(rng: np.random.Generator, originals: Sequence[bytes]) -> bytes:
    """A zip archive, as torch writes them, one part of which is another; checksums are right."""
    if rng.random() < 0.2:
        return bytes_of(rng, originals)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(_one(rng, originals))) as before, zipfile.ZipFile(out, "w") as after:
        names = before.namelist()
        pickles = [name for name in names if name.endswith(".pkl")]
        chosen = _one(rng, pickles if pickles and rng.random() < 0.6 else names)
        for name in names:
            data = before.read(name)
            after.writestr(zipfile.ZipInfo(name), bytes_of(rng, [data]) if name == chosen else data)
    return out.getvalue()


def _changed(rng: np.random.Generator, value: Any) -> Any:
    """A value with one to three changes."""
    value = deepcopy(value)
    for _ in range(int(rng.integers(1, 4))):
        places = list(_places(value))
        place = _one(rng, places)
        if not place:
            value = _nasty(rng, value)
            continue
        holder = _at(value, place[:-1])
        kind = int(rng.integers(0, 8))
        if kind == 0:
            del holder[place[-1]]
        elif kind == 1:
            holder[place[-1]] = deepcopy(_at(value, _one(rng, places)))
        elif kind == 2 and isinstance(holder, dict):
            holder[str(_one(rng, ("", "x", "name", "\0", "__init__", "x" * 300)))] = holder.pop(place[-1])
        elif kind == 3 and isinstance(holder, list):
            holder.extend([holder[place[-1]]] * int(_one(rng, (1, 50))))
        else:
            holder[place[-1]] = _nasty(rng, holder[place[-1]])
    return value


def _nasty(rng: np.random.Generator, value: Any) -> Any:
    """Another value in the place of one; numbers are often near it."""
    if type(value) in (int, float) and rng.random() < 0.3:
        return _one(
            rng, (-value, value + 1, value * 1000, float(value), int(value) if math.isfinite(value) else 0, str(value))
        )
    return _MARK if rng.random() < 0.2 else deepcopy(_one(rng, _NASTY))


def _places(value: Any, here: Path = ()) -> Iterator[Path]:
    yield here
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from _places(inner, (*here, key))


def _at(value: Any, place: Path) -> Any:
    for key in place:
        value = value[key]
    return value


def _written(rng: np.random.Generator, value: Any, dump: Callable[[Any], str]) -> bytes:
    text = dump(value)
    for quoted in (f'"{_MARK}"', f"'{_MARK}'", _MARK):
        if quoted in text:
            text = text.replace(quoted, str(_one(rng, _TEXTS)))
    return text.encode("utf-8", "surrogatepass")


def _one(rng: np.random.Generator, values: Sequence[Any]) -> Any:
    return values[int(rng.integers(0, len(values)))]
