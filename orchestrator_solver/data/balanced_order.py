"""The order in which items are drawn: kinds in fixed shares, and no item of a kind twice before all of it once."""

import numpy as np

from dataset_builder.seeds import rng_for

BLOCK = 120  # positions in which every kind has its exact share


def _quotas(weights: dict[str, float]) -> dict[str, int]:
    """Shares of `BLOCK` positions by weight, by the method of largest remainders."""
    total = sum(weights.values())
    exact = {kind: BLOCK * weight / total for kind, weight in weights.items()}
    quotas = {kind: int(share) for kind, share in exact.items()}
    by_remainder = sorted(exact, key=lambda kind: (quotas[kind] - exact[kind], kind))
    for kind in by_remainder[: BLOCK - sum(quotas.values())]:
        quotas[kind] += 1
    return quotas


class BalancedOrder:
    """An endless, seeded sequence over items grouped by kind.

    Args:
        sizes: number of items of each kind.
        weights: weight of each kind in drawing; kinds without items are left out.
        seed: of the order.

    Raises:
        ValueError: if no kind has both items and weight.
    """

    def __init__(self, sizes: dict[str, int], weights: dict[str, float], seed: int) -> None:
        self.sizes, self.seed = sizes, seed
        weights = {kind: weight for kind, weight in weights.items() if weight > 0 and sizes.get(kind)}
        if not weights:
            raise ValueError(f"No item to draw: found {sizes}, none of a kind that has weight.")
        self._quota = _quotas(weights)
        pattern = [kind for kind in sorted(self._quota) for _ in range(self._quota[kind])]
        rng_for(seed, "pattern").shuffle(pattern)
        self._places = [(kind, pattern[:place].count(kind)) for place, kind in enumerate(pattern)]
        self._orders: dict[str, tuple[int, np.ndarray]] = {}

    def at(self, position: int) -> tuple[str, int]:
        """The kind, and the index among its items, at a position of the sequence."""
        block, place = divmod(position, BLOCK)
        kind, rank = self._places[place]
        turn, index = divmod(block * self._quota[kind] + rank, self.sizes[kind])
        return kind, int(self._order(kind, turn)[index])

    def _order(self, kind: str, turn: int) -> np.ndarray:
        if kind not in self._orders or self._orders[kind][0] != turn:
            self._orders[kind] = (turn, rng_for(self.seed, "order", kind, turn).permutation(self.sizes[kind]))
        return self._orders[kind][1]
