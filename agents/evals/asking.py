"""Asking a model until it answers, within the budget."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal

from agents.choices import ErrorCode
from agents.evals.purse import NoPrice, Purse
from agents.runtime import (
    Finished,
    ModelCall,
    Price,
    ProviderError,
    Started,
    TextDelta,
    Usage,
)
from agents.runtime.errors import refused_for_good, timed_out
from agents.runtime.pricing import cost_of, most_cost_of, price_for
from agents.runtime.providers import Provider
from agents.runtime.providers.failures import KeyRefused
from agents.runtime.retry import decide_retry

MAX_FAILURES = 4
#: So many keys may be refused one after the other.
MAX_KEYS = 20
#: One call with all its repetitions, in seconds; the demo model is slow.
CALL_S = 1_200.0


@dataclass(slots=True, kw_only=True)
class Said:
    """One answer as far as it has arrived."""

    text: str = ""
    model: str = ""
    stop_reason: str = ""
    usage: Usage = Usage()  # noqa: RUF009 - frozen


class Line:
    """The calls of one trial; counts what they cost."""

    def __init__(self, provider: Provider, *, purse: Purse, max_chars: int) -> None:
        """`max_chars` is the longest answer that is accepted."""
        self.provider = provider
        self.cost_usd = Decimal(0)
        #: The last answer, whole or not.
        self.said = Said()
        self._purse = purse
        self._max_chars = max_chars
        self._rng = random.Random()  # noqa: S311 - spreads repetitions

    async def ask(self, call: ModelCall, *, prices: Sequence[Price]) -> Said:
        """The answer, after as many repetitions as are worth it.

        Raises ProviderError, and OutOfMoney before a call that might pass the budget;
        NoPrice is one.
        """
        try:
            async with asyncio.timeout(CALL_S):
                return await self._insist(call, prices)
        except TimeoutError as error:
            raise timed_out(f"No answer within {CALL_S:.0f} s.") from error

    async def _insist(self, call: ModelCall, prices: Sequence[Price]) -> Said:
        failures = refusals = 0
        while True:
            try:
                return await self._pay(call, prices)
            except KeyRefused:
                # The pool tries another key, and asks nobody once all were refused.
                refusals += 1
                if refusals > MAX_KEYS:
                    raise
            except ProviderError as error:
                decision = decide_retry(
                    error, failures=failures, max_failures=MAX_FAILURES, rng=self._rng
                )
                if not decision.retry:
                    raise
                failures = decision.failures
                await asyncio.sleep(decision.delay_s)

    async def _pay(self, call: ModelCall, prices: Sequence[Price]) -> Said:
        known = () if self.provider.is_small else prices
        if self._purse.is_limited and not known and not self.provider.is_small:
            raise NoPrice
        most = most_cost_of(call, known)
        await self._purse.promise(most)
        self.said = Said()
        try:
            await self._stream(call)
        finally:
            usage = self.said.usage
            cost = cost_of(usage, price_for(known, prompt_tokens=usage.prompt_tokens))
            self.cost_usd += cost
            self._purse.settle(most, cost_usd=cost)
        return self.said

    async def _stream(self, call: ModelCall) -> None:
        pieces, chars = [], 0
        async with aclosing(self.provider.stream(call)) as parts:
            async for part in parts:
                match part:
                    case TextDelta(text=text):
                        chars += len(text)
                        self._check_length(chars)
                        pieces.append(text)
                    case Started(model=model, usage=usage):
                        self.said.model, self.said.usage = model, usage
                    case Finished(stop_reason=reason, usage=usage):
                        self.said.stop_reason, self.said.usage = reason, usage
        self.said.text = "".join(pieces)

    def _check_length(self, chars: int) -> None:
        if chars > self._max_chars:
            raise refused_for_good(
                f"The answer is longer than {self._max_chars} characters.",
                code=ErrorCode.BAD_MODEL_OUTPUT,
            )
