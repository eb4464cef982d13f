"""The loop: codes of one step after another, each handed on as soon as all its codebooks are there."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from audiocraft.models.lm import LMModel

from ..features.conditions import Condition
from .draws import Draws
from .graphs import steps_through
from .guidance import Guidance
from .network import Network
from .past import Cache


@dataclass(frozen=True)
class Piece:
    """What is to be drawn at once.

    Attributes:
        conditions: of all passes of U different requests, `[passes * U, ...]`.
        of_request: which of them each of the B samples plays.
        frames: how many there will be, those that are known among them.
        known: codes to go on from `[B, K, T]`, T below `frames`.
    """

    conditions: Mapping[str, Condition]
    of_request: Sequence[int]
    frames: int
    known: torch.Tensor


def decode(lm: LMModel, network: Network, piece: Piece, guidance: Guidance, draws: Draws) -> Iterator[torch.Tensor]:
    """Draw the codes of a piece; yields those `[B, K, n]` that are new, in order, n of 1 and more.

    With temperature 0 they are those of audiocraft's `LMModel.generate`. The prefix of conditions is computed once for
    all samples of a request.

    Args:
        lm: whose pattern of codebooks and fuser are used.
        network: made of it.
        piece: what to draw.
        guidance: how passes are combined.
        draws: which codes are taken.
    """
    places = _places(lm, piece.frames)
    sequence = _sequence(lm, piece, places)
    rows = _rows(piece, len(guidance.passes), network.device)
    base = _fused(lm, network, piece, sequence.shape[-1])
    prefix = base.shape[1] - sequence.shape[-1]
    cache = _prefilled(network, base[:, :prefix], rows, base.shape[1])
    base, step_through = base[:, prefix:], steps_through(network, cache)
    in_order = list(piece.of_request) == list(range(len(base) // len(guidance.passes)))
    done, given = piece.known.shape[-1], 0
    begun = int(places[:, done].min())
    numbers = draws.numbers(sequence.shape[-1] - begun, network.codebooks)
    complete = places.amax(0).tolist()
    for step in range(begun, sequence.shape[-1]):
        codes = sequence[..., given:step].repeat(len(guidance.passes), 1, 1)
        beside = base[:, given:step]
        logits = step_through((beside if in_order else beside[rows]) + network.embed(codes), prefix + given)
        taken = draws.pick(guidance.combined(logits), None if numbers is None else numbers[step - begun])
        column = sequence[..., step]
        column.copy_(torch.where(column < 0, taken, column))
        given = step
        ready = bisect_right(complete, step)
        if ready > done:
            yield _codes_at(sequence, places[:, done:ready])
            done = ready


def _places(lm: LMModel, frames: int) -> torch.Tensor:
    """At which step the pattern has the code of each codebook and frame `[K, T]`, on the CPU."""
    places = torch.zeros(lm.n_q, frames, dtype=torch.long)
    for step, coordinates in enumerate(lm.pattern_provider.get_pattern(frames).layout):
        for coordinate in (one for one in coordinates if one.t < frames):
            places[coordinate.q, coordinate.t] = step
    return places


def _sequence(lm: LMModel, piece: Piece, places: torch.Tensor) -> torch.Tensor:
    """Codes step by step `[B, K, S]`: -1 where one is to be drawn, the special one where the pattern has none."""
    shape = (*piece.known.shape[:2], int(places.max()) + 1)
    sequence = piece.known.new_full(shape, lm.special_token_id)
    to_draw = piece.frames - piece.known.shape[-1]
    frames = torch.nn.functional.pad(piece.known, (0, to_draw), value=-1)
    return sequence.scatter_(2, places.to(sequence.device).expand_as(frames), frames)


def _codes_at(sequence: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """The codes `[B, K, n]` at these steps `[K, n]`."""
    return sequence.gather(2, places.to(sequence.device).expand(len(sequence), -1, -1))


def _rows(piece: Piece, passes: int, device: torch.device) -> torch.Tensor:
    """Which row of the conditions each row of the network is given `[passes * B]`."""
    requests = next(iter(piece.conditions.values())).value.shape[0] // passes
    of_request = torch.tensor(piece.of_request, device=device)
    return torch.cat([of_request + requests * number for number in range(passes)])


def _fused(lm: LMModel, network: Network, piece: Piece, steps: int) -> torch.Tensor:
    """What is put before and added to the embeddings of codes, with positions `[passes * U, prefix + S, D]`."""
    rows = next(iter(piece.conditions.values())).value.shape[0]
    nothing = torch.zeros(rows, steps, network.dim, device=network.device)
    fused, _ = lm.fuser(nothing, {name: condition.float() for name, condition in piece.conditions.items()})
    return fused + network.positions(fused.shape[1])


def _prefilled(network: Network, prefix: torch.Tensor, rows: torch.Tensor, length: int) -> Cache:
    """A cache of `length` positions, whose first are those of the prefix, computed once a request."""
    cache = network.cache(len(rows), length)
    if prefix.shape[1]:
        once = network.cache(len(prefix), prefix.shape[1])
        network(prefix, once, 0)
        cache.take(once, rows, prefix.shape[1])
    return cache
