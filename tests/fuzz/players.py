"""Doors of what plays: a wish as a browser or a program sends it, and a take that is to be made anew in part."""

import json
from pathlib import Path

import numpy as np
from support.echo_model import RATE, EchoModel

from dataset_builder.errors import UserError
from dataset_builder.runtime.untrusted import parse_json
from orchestrator_solver.generation.orchestrator import Orchestrator
from orchestrator_solver.generation.recordings import write
from orchestrator_solver.generation.results import read_take
from orchestrator_solver.generation.sampling import SamplingSettings
from orchestrator_solver.serving.wish import wish_of

from .door import Door, Opened
from .mutation import json_of

_WISHES = [
    {"instruments": "violin, 2 cellos", "description": "Calm, slow.", "bpm": 96.0, "key": "G minor", "seconds": 1.5},
    {"instruments": "drums, flute", "description": None, "takes": 2, "seed": 7, "guidance": 4.5, "temperature": 0.8},
]


def _play(player: Orchestrator, fields: object) -> dict:
    """The record of a wish's first take, as it would be written."""
    if not isinstance(fields, dict) or not all(isinstance(name, str) for name in fields):
        raise UserError("no wish")
    wish = wish_of(2.0, **{name: value for name, value in fields.items() if name != "max_seconds"})
    tone = 0.3 * np.sin(np.arange(RATE) / 5).astype(np.float32)
    request = player.request((tone, RATE), wish.instruments, wish.description or "")
    sampling = SamplingSettings(wish.seed, wish.guidance, temperature=wish.temperature)
    (recording,) = player.play([request], wish.seconds, sampling)
    assert np.isfinite(recording.wav).all()
    return json.loads(json.dumps(recording.record))  # type: ignore[no-any-return]


def _open_wish(folder: Path) -> Opened:
    player = Orchestrator(EchoModel())

    def read(data: bytes) -> object:
        try:
            fields = parse_json(data)
        except (ValueError, RecursionError) as error:
            raise UserError(f"no JSON ({' '.join(str(error).split())[:100]})") from error
        return _play(player, fields)

    return Opened([json.dumps(wish).encode() for wish in _WISHES], read)


def _open_take(folder: Path) -> Opened:
    player = Orchestrator(EchoModel())
    tone = 0.3 * np.sin(np.arange(RATE) / 5).astype(np.float32)
    (recording,) = player.play([player.request((tone, RATE), "violin", "")])
    path = write(recording, folder, "wav")
    record = path.with_suffix(".json")

    def read(data: bytes) -> object:
        record.write_bytes(data)
        take = read_take(path)
        return take.record["seed"], len(take.wav)

    return Opened([record.read_bytes()], read)


_LARGE = {
    "fifty instruments": lambda: json.dumps({"instruments": ", ".join(["violin", "cello"] * 25)}).encode(),
    "a description of 100 kB": lambda: json.dumps({"instruments": "violin", "description": "la " * 34_000}).encode(),
    "control characters": lambda: json.dumps({"instruments": "violin\x1b[2J", "description": "a\x00b"}).encode(),
    "a thousand levels": lambda: b"[" * 1000 + b"]" * 1000,
}
DOORS = {
    "a wish to be played": Door(_open_wish, json_of, crafted=_LARGE),
    "the record of a take that is made anew": Door(_open_take, json_of),
}
