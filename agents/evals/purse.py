"""May the next call still be paid?"""

import asyncio
from decimal import Decimal


class OutOfMoney(Exception):
    """The next call might cost more than is left."""


class NoPrice(OutOfMoney):
    """A model has no price, so a limit in dollars cannot be kept."""


class Purse:
    """What a whole run of evals may spend; of one event loop.

    A call is begun only when its highest possible cost still fits beside what is spent and what
    calls under way may yet cost, so the limit is never passed.
    """

    def __init__(self, most_usd: Decimal | None) -> None:
        """None is no limit."""
        self.spent_usd = Decimal(0)
        self._most = most_usd
        self._promised = Decimal(0)
        self._settled = asyncio.Event()

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit to keep."""
        return self._most is not None

    async def promise(self, usd: Decimal) -> None:
        """Set `usd` aside for one call, when enough of the others are settled.

        Raises OutOfMoney when what is spent leaves too little.
        """
        while not self._fits(self._promised + usd):
            if not self._fits(usd):
                raise OutOfMoney
            await self._settled.wait()
        self._promised += usd

    def settle(self, promised_usd: Decimal, *, cost_usd: Decimal) -> None:
        """The call is over and cost so much."""
        self._promised -= promised_usd
        self.spent_usd += cost_usd
        self._settled.set()
        self._settled = asyncio.Event()

    def _fits(self, usd: Decimal) -> bool:
        return self._most is None or self.spent_usd + usd <= self._most
