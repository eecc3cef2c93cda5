"""One execution in the hands of this worker, from the claim to its commit."""

import asyncio
import datetime as dt
import hashlib
import random
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, TypeVar

import structlog
from django.conf import settings

from agents.choices import ErrorCode, ExecutionStatus
from agents.executor.feed import Feed, Track
from agents.executor.gather import Gather
from agents.executor.store import Store, see_through
from agents.runtime import (
    EnhancedAgent,
    Finished,
    ModelCall,
    ProviderError,
    Started,
    TextDelta,
    Usage,
)
from agents.runtime.errors import refused_for_good
from agents.runtime.output import check_stop_reason
from agents.runtime.pricing import cost_of, price_for
from agents.runtime.providers import Provider
from agents.services import attempts
from agents.services.attempts import Outcome, Result
from agents.services.claims import Claim
from aiagents.common import clock
from aiagents.common.progress import ProgressType

RELEASED = "released"
T = TypeVar("T")

log = structlog.get_logger(__name__)


class Flight:
    """Runs one claim; every way out ends in one call of `attempts`."""

    def __init__(
        self,
        claim: Claim,
        *,
        agent: EnhancedAgent,
        provider: Provider,
        store: Store,
        results: Gather[Result, bool],
        feed: Feed,
    ) -> None:
        """`claim` is held by this process; `results` answers whether it was when committed."""
        self.claim = claim
        self.is_released = False
        self._agent = agent
        self._provider = provider
        self._store = store
        self._results = results
        self._feed = feed
        self._track = feed.open(claim, read_text=self._text)
        self._pieces: list[str] = []
        self._chars = 0
        self._model = ""
        self._stop_reason = ""
        self._usage = Usage()
        self._spent_before = Usage()
        self._prompt_digest = ""
        self._first_token_at: dt.datetime | None = None
        self._structured: object = None

    async def run(self) -> None:
        """Ask the model and commit what came of it. Never raises for a lost claim."""
        self._tell_start()
        try:
            status = await self._attempt()
        except asyncio.CancelledError:
            status = await asyncio.shield(self._interrupted())
        await asyncio.shield(self._tell_end(status))

    async def _attempt(self) -> str:
        """The new status, or "" when the claim was no longer held."""
        try:
            async with asyncio.timeout(self.claim.time_left_s):
                await self._answer()
        except ProviderError as error:
            return await self._commit(
                attempts.fail,
                self.claim,
                error,
                self._outcome(),
                rng=random.Random(),  # noqa: S311
            )
        except TimeoutError:
            ended = await self._commit(attempts.time_out, self.claim, self._outcome())
            return ExecutionStatus.TIMED_OUT if ended else ""
        result = (self.claim, self._outcome())
        if await see_through(self._results.ask(result)):
            return ExecutionStatus.SUCCEEDED
        return await self._lost()

    async def _commit(self, service: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return await see_through(self._store.insist(service, *args, **kwargs))

    async def _interrupted(self) -> str:
        if self.is_released:
            released = await self._store.insist(attempts.release, self.claim)
            return RELEASED if released else await self._lost()
        return await self._lost()

    async def _lost(self) -> str:
        """Not held any more: confirm the cancel if that is why."""
        cancelled = await self._store.insist(
            attempts.confirm_cancel, self.claim, self._outcome()
        )
        return ExecutionStatus.CANCELLED if cancelled else ""

    # --- the model ---

    async def _answer(self) -> None:
        call = self._agent.call(
            self.claim.inputs,
            is_free_text=self.claim.is_free_text,
            provider=self._provider,
        )
        self._prompt_digest = _digest(call)
        await self._stream(call)
        try:
            self._conclude()
        except ProviderError as error:
            repair = self._agent.repair(
                call, answer=self._text(), problem=error.message
            )
            if repair is None or error.code is not ErrorCode.BAD_MODEL_OUTPUT:
                raise
            self._begin_again()
            await self._stream(repair)
            self._conclude()

    async def _stream(self, call: ModelCall) -> None:
        async with aclosing(self._provider.stream(call)) as parts:
            async for part in parts:
                match part:
                    case TextDelta(text=text):
                        self._take_text(text)
                    case Started(model=model, usage=usage):
                        self._model, self._usage = model, self._spent_before + usage
                    case Finished(stop_reason=reason, usage=usage):
                        self._stop_reason = reason
                        self._usage = self._spent_before + usage

    def _take_text(self, text: str) -> None:
        if self._first_token_at is None:
            self._first_token_at = clock.now()
        self._chars += len(text)
        if self._chars > settings.MAX_OUTPUT_CHARS:
            raise refused_for_good(
                f"The answer is longer than {settings.MAX_OUTPUT_CHARS} characters.",
                code=ErrorCode.BAD_MODEL_OUTPUT,
            )
        self._pieces.append(text)
        self._track.tell_text(text)

    def _conclude(self) -> None:
        """Judge a finished answer by why it ended and by its contract. Raises ProviderError."""
        check_stop_reason(self._stop_reason)
        self._structured = self._agent.conclude(self._text(), provider=self._provider)

    def _begin_again(self) -> None:
        self._pieces, self._chars = [], 0
        self._spent_before = self._usage
        self._track.tell(ProgressType.RESET, text="")

    # --- what is kept and told ---

    def _text(self) -> str:
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def _outcome(self) -> Outcome:
        prices = () if self._provider.is_small else self._agent.plan.prices
        price = price_for(prices, prompt_tokens=self._usage.prompt_tokens)
        return Outcome(
            text=self._text(),
            structured=self._structured,
            stop_reason=self._stop_reason,
            provider=self._provider.kind,
            model=self._model,
            usage=self._usage,
            cost_usd=cost_of(self._usage, price),
            price_id=price.id if price else None,
            prompt_digest=self._prompt_digest,
            first_token_at=self._first_token_at,
        )

    def _tell_start(self) -> None:
        attempt = self.claim.attempt
        if attempt > 1:
            # First, because a reader accepts nothing else after a gap in the numbers.
            self._track.tell(ProgressType.RESET, text="")
        self._track.tell(ProgressType.STATUS, status="running", attempt=attempt)

    async def _tell_end(self, status: str) -> None:
        if status in {"", RELEASED, ExecutionStatus.QUEUED}:
            if status:
                self._track.tell(ProgressType.STATUS, status="queued")
            else:
                log.info(
                    "claim_lost",
                    action="claim_lost",
                    execution=str(self.claim.execution_id),
                )
        else:
            self._tell_figures(self._track, self._outcome())
            self._track.close(status)
        await self._feed.finish(self._track)

    def _tell_figures(self, track: Track, outcome: Outcome) -> None:
        track.tell(
            ProgressType.USAGE,
            input_tokens=outcome.usage.input_tokens,
            output_tokens=outcome.usage.output_tokens,
            cache_read_tokens=outcome.usage.cache_read_tokens,
            cache_write_tokens=outcome.usage.cache_write_tokens,
            cost_usd=str(outcome.cost_usd),
            model=outcome.model,
        )


def _digest(call: ModelCall) -> str:
    return hashlib.sha256(call.system.encode()).hexdigest()
