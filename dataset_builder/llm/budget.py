"""A limit on money that cannot be passed: what requests in flight can cost at most is counted as spent."""

import asyncio


class BudgetReachedError(Exception):
    """The next request could pass the limit."""


class Budget:
    """Dollars that may be spent.

    Args:
        limit: None for no limit.
        spent: of it already.
    """

    def __init__(self, limit: float | None, spent: float = 0.0):
        self.limit, self.spent, self.reserved = limit, spent, 0.0
        self._changed = asyncio.Condition()

    async def reserve(self, most: float) -> None:
        """Wait until a request that can cost `most` fits beside those in flight, and count it as one of them.

        Raises:
            BudgetReachedError: if it would not fit even if they cost nothing.
        """
        async with self._changed:
            while self.limit is not None and self.spent + self.reserved + most > self.limit:
                if self.spent + most > self.limit or not self.reserved:
                    raise BudgetReachedError
                await self._changed.wait()
            self.reserved += most

    async def settle(self, most: float, cost: float) -> None:
        """A request that was reserved has ended and has cost this."""
        async with self._changed:
            self.reserved = max(0.0, self.reserved - most)
            self.spent += cost
            self._changed.notify_all()
