"""The server on a loopback port, in a thread of the process that uses it."""

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aiohttp import web

from aiagents.testing.messages_server.api import Api
from aiagents.testing.messages_server.behaviours import Behaviour
from aiagents.testing.messages_server.ledger import Call, Ledger
from aiagents.testing.messages_server.plan import Plan

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
HOST = "127.0.0.1"
_START_S = 10
_STOP_S = 10
#: How long open streams may go on when the server stops.
_GRACE_S = 0.05
_BACKLOG = 1024


class MessagesServer:
    """Start with `with MessagesServer() as server`; every method is thread-safe.

    A behaviour without pace (`events`, `seconds`) takes that of the default one.
    A batch is `in_progress` for `batch_polls` looks at it, then it ends.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        default: Behaviour | None = None,
        batch_polls: int = 1,
        loop_factory: LoopFactory | None = None,
    ) -> None:
        self._wanted_port = port
        self._loop_factory = loop_factory
        self._port: int | None = None
        self._plan = Plan(default or Behaviour())
        self._ledger = Ledger()
        self._api = Api(plan=self._plan, ledger=self._ledger, batch_polls=batch_polls)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def base_url(self) -> str:
        """For `base_url=` of the SDK. Raises RuntimeError when not started."""
        if self._port is None:
            message = "The server is not running; call start() first."
            raise RuntimeError(message)
        return f"http://{HOST}:{self._port}"

    def start(self) -> Self:
        """Serve from a thread; returns when the port accepts. Raises OSError.

        After `stop()` the same port is served again, with ledger and plan as they were.
        """
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._api.is_stopping = False
        self._thread = threading.Thread(
            target=self._run, name="messages-server", daemon=True
        )
        self._thread.start()
        if not self._ready.wait(_START_S):
            message = f"The server did not start within {_START_S} s."
            raise TimeoutError(message)
        if self._failure:
            self._thread.join()
            raise self._failure
        return self

    def stop(self) -> None:
        """Close every connection and the port; open calls end as `cut`."""
        if self._thread is None:
            return
        if self._loop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_S)
        self._thread = self._port = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def script(
        self, behaviour: Behaviour, times: int = 1, match: str | None = None
    ) -> None:
        """Queue a behaviour for the next requests, or for those that contain `match`.

        First queued, first used. A `[[fault:…]]` in a request goes before the queue and
        leaves it as it is; requests that are refused as invalid leave it as well.
        """
        self._plan.script(behaviour, times=times, match=match)

    def default(self, behaviour: Behaviour) -> None:
        """Set what happens to requests that nothing else was planned for."""
        self._plan.set_default(behaviour)

    def reset(self) -> None:
        """Forget scripts, calls, batches and cached prompts; the first default holds.

        Calls being answered go on and are not in the new ledger.
        """
        self._plan.reset()
        self._ledger.clear()
        self._api.forget()

    @property
    def calls(self) -> tuple[Call, ...]:
        """All message requests so far, refused ones included, in order of arrival."""
        return self._ledger.calls

    def calls_for(self, marker: str) -> tuple[Call, ...]:
        """The calls whose text has `[[marker:…]]` with this name."""
        return tuple(call for call in self.calls if call.marker == marker)

    @property
    def open_streams(self) -> int:
        """Message requests that are being answered at this moment."""
        return self._ledger.open_count

    def wait_for(self, predicate: Callable[[], bool], timeout: float = 5.0) -> bool:
        """Block until the predicate holds; it is asked again after every change.

        Raises TimeoutError. In a coroutine: `await asyncio.to_thread(server.wait_for,
        predicate)`.
        """
        return self._ledger.wait_for(predicate, timeout)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self._loop_factory) as runner:
                runner.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - start() raises it in its thread
            self._failure = error
            self._ready.set()

    async def _serve(self) -> None:
        # Cancelling handlers is how a client that leaves is noticed.
        runner = web.AppRunner(
            self._api.application(),
            handler_cancellation=True,
            shutdown_timeout=_GRACE_S,
            access_log=None,
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, HOST, self._wanted_port, backlog=_BACKLOG)
            await site.start()
            self._loop = asyncio.get_running_loop()
            self._port = self._wanted_port = runner.addresses[0][1]
            self._ready.set()
            await self._stop.wait()
        finally:
            self._api.is_stopping = True
            await runner.cleanup()
