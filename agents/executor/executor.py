"""The loop of one worker process."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
import uvloop
from django.conf import settings
from redis.exceptions import RedisError

from agents.dispatch import CANCEL_CHANNEL
from agents.executor.feed import Feed
from agents.executor.flight import Flight
from agents.executor.gather import Gather
from agents.executor.heartbeat import Heartbeat, Held
from agents.executor.store import AWAY, Store
from agents.runtime.providers import Provider, ProviderSettings, make_provider
from agents.selectors import Plans
from agents.services import attempts, claims
from agents.services.attempts import Result
from agents.services.claims import Claim
from aiagents.common import dispatch, ids, redis_client

#: Claims of one transaction; small enough not to hold rows long.
CLAIM_BATCH = 50
CLAIM_PAUSE_S = 0.03
#: The loop gives the interpreter lock away at every read of a socket; with Python's usual 5 ms a
#: busy store thread would delay each of the hundreds of streams by that much, each time.
SWITCH_S = 0.0005
REDIS_AWAY_S = 2.0
HELPER_REST_S = 1.0

log = structlog.get_logger(__name__)


class Executor:
    """Claims what is due, up to its capacity, and runs all of it on one event loop."""

    def __init__(self) -> None:
        self.owner = (
            f"{socket.gethostname()[:40]}:{os.getpid()}:{ids.new_id().hex[-8:]}"
        )
        #: By attempt, because a worker that was paused may claim its own lost work again.
        self._flights: dict[Held, InFlight] = {}
        self._is_draining = False
        #: The last claim took all that there was room for, so more may be due.
        self._is_full = False
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="executor", daemon=True)
        self._heartbeat = Heartbeat(
            owner=self.owner, read_held=self._read_held, lose=self._stop_soon
        )

    def start(self) -> None:
        """Begin to work, in a thread."""
        sys.setswitchinterval(SWITCH_S)
        self._thread.start()
        self._is_ready.wait()
        self._heartbeat.start()

    def wake(self) -> None:
        """There may be something to claim. Any thread may call this."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._bell.set)

    def begin_drain(self) -> None:
        """Claim nothing more."""
        self._is_draining = True
        self.wake()

    def drain(self) -> None:
        """Wait up to DRAIN_S for what is in flight, give the rest back, and end."""
        self.begin_drain()
        self._thread.join(timeout=settings.DRAIN_S + 10)
        self._heartbeat.stop()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._main())
        except BaseException:
            # Without its loop this process would look alive and do nothing.
            log.exception("executor_died", action="executor_died")
            os.kill(os.getpid(), signal.SIGTERM)
            raise

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._bell = asyncio.Event()
        self._store = Store()
        self._results = Gather(self._commit_results, shared=AWAY)
        self._feed = Feed()
        self._plans = Plans()
        self._provider = configured_provider()
        self._is_ready.set()
        helpers = [
            asyncio.create_task(keep_up(self._feed.run)),
            asyncio.create_task(keep_up(self._feed.run_ends)),
            asyncio.create_task(keep_up(self._results.run)),
            asyncio.create_task(keep_up(self._hear_stops)),
        ]
        await self._claim_until_drained()
        await self._let_finish()
        for helper in helpers:
            helper.cancel()
        await asyncio.wait(helpers)
        await self._provider.close()
        await redis_client.async_client().aclose()
        self._store.close()

    # --- claiming ---

    async def _claim_until_drained(self) -> None:
        while not self._is_draining:
            self._bell.clear()
            await dispatch.begin_look(claims.LANE_ORDER)
            await self._claim_all()
            # A burst of wake-ups is claimed together: a claim of many costs little more
            # than a claim of one.
            await asyncio.sleep(CLAIM_PAUSE_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(settings.POLL_S):
                    await self._bell.wait()

    async def _claim_all(self) -> None:
        """Claim until nothing is due, or this process or the model's service is full."""
        while not self._is_draining:
            limit = self._room()
            taken = await self._claim(limit)
            self._is_full = len(taken) == limit
            for claim in taken:
                self._launch(claim)
            if len(taken) < CLAIM_BATCH:
                return

    def _room(self) -> int:
        free = settings.WORKER_CONCURRENCY - len(self._flights)
        return max(min(free, self._provider.room(), CLAIM_BATCH), 0)

    async def _claim(self, limit: int) -> list[Claim]:
        try:
            return await self._store.call(
                claims.claim_executions,
                owner=self.owner,
                limit=limit,
                companies=self._companies(),
            )
        except AWAY as error:
            log.warning("claim_failed", action="claim_failed", cause=repr(error))
            return []

    def _companies(self) -> list[int]:
        held = [entry.claim for entry in self._flights.values()]
        return [claim.company for claim in held if claim.company]

    def _launch(self, claim: Claim) -> None:
        entry = InFlight(claim=claim)
        self._flights[entry.held] = entry
        entry.task = asyncio.create_task(self._fly(entry))

    async def _fly(self, entry: "InFlight") -> None:
        claim = entry.claim
        try:
            agent = await self._store.insist(self._plans.agent, claim.version_id)
            entry.flight = Flight(
                claim,
                agent=agent,
                provider=self._provider,
                store=self._store,
                results=self._results,
                feed=self._feed,
            )
            await entry.flight.run()
        except asyncio.CancelledError:
            # Before its flight began; the sweeper settles it when the lease is over.
            log.info(
                "claim_dropped",
                action="claim_dropped",
                execution=str(claim.execution_id),
            )
        except (
            Exception
        ):  # the edge of the process: one broken run must not end the loop
            log.exception(
                "run_broke", action="run_broke", execution=str(claim.execution_id)
            )
        finally:
            self._landed(entry)

    async def _commit_results(self, results: list[Result]) -> list[bool]:
        won = await self._store.insist(attempts.succeed, results)
        return [claim.execution_id in won for claim, _ in results]

    def _landed(self, entry: "InFlight") -> None:
        del self._flights[entry.held]
        if self._is_full or entry.claim.company:
            self._bell.set()

    # --- letting go ---

    def _read_held(self) -> list[Held]:
        return list(self._flights)

    def _stop_soon(self, held: Held) -> None:
        """Stop a run that is not ours any more. Any thread may call this."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._stop, held)

    def _stop(self, held: Held) -> None:
        entry = self._flights.get(held)
        if entry and entry.task:
            entry.task.cancel()

    def _stop_all(self, execution_id: uuid.UUID) -> None:
        for held in self._read_held():
            if held[0] == execution_id:
                self._stop(held)

    async def _hear_stops(self) -> None:
        """Stop runs as soon as somebody cancels them; the heartbeat is the second way."""
        while True:
            try:
                await self._listen()
            except (RedisError, OSError):
                await asyncio.sleep(REDIS_AWAY_S)

    async def _listen(self) -> None:
        async with redis_client.async_client().pubsub() as channel:
            await channel.subscribe(CANCEL_CHANNEL)
            while True:
                message = await channel.get_message(
                    ignore_subscribe_messages=True, timeout=1.0
                )
                if message and (
                    key := ids.parse_id(message["data"].decode(errors="replace"))
                ):
                    self._stop_all(key)

    async def _let_finish(self) -> None:
        """Wait for what is in flight, then give back what is left."""
        tasks = [entry.task for entry in self._flights.values() if entry.task]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=settings.DRAIN_S)
        for entry in self._flights.values():
            if entry.task in late and entry.flight:
                entry.flight.is_released = True
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=5)


@dataclass(slots=True)
class InFlight:
    """One claim and the task that works on it."""

    claim: Claim
    flight: Flight | None = None
    task: asyncio.Task[None] | None = None

    @property
    def held(self) -> Held:
        """What the heartbeat holds for it."""
        return self.claim.execution_id, self.claim.attempt


async def keep_up(helper: Callable[[], Awaitable[None]]) -> None:
    """Run a helper for ever: without it a worker would look well and be deaf or dumb."""
    while True:
        try:
            await helper()
        except Exception:
            log.exception("helper_died", action="helper_died")
        await asyncio.sleep(HELPER_REST_S)


def configured_provider() -> Provider:
    """The demo model where one is set up, else Anthropic's service or its like."""
    kind = "demo" if settings.DEMO_MODEL_URL else "anthropic"
    return make_provider(kind, provider_settings())


def provider_settings() -> ProviderSettings:
    """Where the configured model is, and how patient to be with it."""
    return ProviderSettings(
        base_url=settings.DEMO_MODEL_URL or settings.ANTHROPIC_BASE_URL,
        api_keys=tuple(settings.ANTHROPIC_API_KEYS),
        connect_s=settings.MODEL_CONNECT_TIMEOUT_S,
        first_byte_s=settings.MODEL_FIRST_BYTE_TIMEOUT_S,
        idle_s=settings.MODEL_IDLE_TIMEOUT_S,
        concurrency=settings.WORKER_CONCURRENCY,
    )


_current: Executor | None = None


def start_executor() -> Executor:
    """Start the executor of this process."""
    global _current
    _current = Executor()
    _current.start()
    return _current


def current() -> Executor | None:
    """The executor of this process; None where there is none."""
    return _current
