"""Committing the results of many executions together.

A transaction costs more than the row in it. Results that come while a commit is under way, or
within a moment of each other, go into the next one; each flight waits for its own answer.
"""

import asyncio

import structlog

from agents.executor.store import AWAY, Store, see_through
from agents.services import attempts
from agents.services.attempts import Outcome
from agents.services.claims import Claim

log = structlog.get_logger(__name__)

#: How long a result waits for company.
GATHER_S = 0.01
#: Results of one transaction.
MOST = 50


class Results:
    """Finished answers on their way into the database."""

    def __init__(self, store: Store) -> None:
        """`store` commits."""
        self._store = store
        self._waiting: list[_Result] = []
        self._bell = asyncio.Event()

    async def commit(self, claim: Claim, outcome: Outcome) -> bool:
        """Store the one result of a claim; False when it was not held any more."""
        result = _Result(claim, outcome)
        self._waiting.append(result)
        self._bell.set()
        return await see_through(result.answer())

    async def run(self) -> None:
        """Commit for ever."""
        while True:
            await self._bell.wait()
            await asyncio.sleep(GATHER_S)
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if not self._waiting:
                self._bell.clear()
            await self._commit(batch)

    async def _commit(self, batch: "list[_Result]") -> None:
        pairs = [(result.claim, result.outcome) for result in batch]
        try:
            won = await self._store.insist(attempts.succeed, pairs)
        except AWAY as error:
            _refuse(batch, error)
        except Exception as error:
            log.exception("results_refused", action="results_refused", count=len(batch))
            await self._commit_apart(batch, error)
        else:
            for result in batch:
                result.held.set_result(result.claim.execution_id in won)

    async def _commit_apart(self, batch: "list[_Result]", error: Exception) -> None:
        """One of them cannot be stored; the others must not suffer from it."""
        if len(batch) == 1:
            _refuse(batch, error)
            return
        for result in batch:
            await self._commit([result])


class _Result:
    """One answer and the future of its fate."""

    def __init__(self, claim: Claim, outcome: Outcome) -> None:
        self.claim = claim
        self.outcome = outcome
        self.held: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def answer(self) -> bool:
        """Whether the claim was held."""
        return await self.held


def _refuse(batch: list[_Result], error: Exception) -> None:
    for result in batch:
        result.held.set_exception(error)
