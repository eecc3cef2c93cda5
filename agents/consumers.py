"""The websocket of one execution's progress."""

import asyncio
import contextlib
from typing import Any
from urllib.parse import parse_qs

import orjson
from channels.generic.websocket import AsyncWebsocketConsumer

from accounts import selectors as account_selectors
from accounts import services as account_services
from agents import selectors
from agents.models import Execution
from aiagents.common import clock
from aiagents.common.connections import in_thread
from aiagents.common.errors import InvalidInput, NotFound, Unauthenticated
from aiagents.common.principals import Principal

NOT_SIGNED_IN = 4401
NOT_YOURS = 4404
TOO_SLOW = 4409
BAD_REQUEST = 4400
#: A client that takes no frame for so long is too slow, in seconds.
SEND_PATIENCE_S = 15.0
#: How often the reader's rights are looked at again, in seconds.
RECHECK_S = 60.0
MAX_LIFE_S = 8 * 3600.0
MAX_SEQ = 2**53


class ExecutionConsumer(AsyncWebsocketConsumer):  # type: ignore[misc] # channels has no types
    """Sends every event after the client's last one, then new ones, then closes.

    Accepts before it refuses, so that a browser can read the close code.
    """

    _tasks: tuple["asyncio.Task[None]", ...] = ()

    async def connect(self) -> None:
        """Find out who asks for what, and begin to send."""
        await self.accept()
        try:
            after = self._read_after()
            principal = await self._identify()
            execution = await self._find(principal)
        except Unauthenticated:
            await self.close(NOT_SIGNED_IN)
        except NotFound:
            await self.close(NOT_YOURS)
        except InvalidInput:
            await self.close(BAD_REQUEST)
        else:
            self._begin(execution, principal, after)

    async def disconnect(self, code: int) -> None:
        """The run goes on; only this reader ends."""
        for task in self._tasks:
            task.cancel()

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None
    ) -> None:
        """Nothing that a client says matters here."""

    def _begin(self, execution: Execution, principal: Principal, after: int) -> None:
        self._tasks = (
            asyncio.create_task(self._send_all(execution, after)),
            asyncio.create_task(self._end_with_rights(principal)),
        )

    def _query(self, name: str) -> str:
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        return str(query.get(name, [""])[0])

    def _read_after(self) -> int:
        raw = self._query("after") or "0"
        if raw.isascii() and raw.isdigit() and len(raw) < 17 and int(raw) <= MAX_SEQ:
            return int(raw)
        raise InvalidInput

    async def _identify(self) -> Principal:
        headers = {key.decode("latin-1"): value for key, value in self.scope["headers"]}
        user = self.scope.get("user")
        principal = await in_thread(
            account_services.identify,
            ticket=self._query("ticket"),
            api_key=headers.get("x-api-key", b"").decode("latin-1"),
            authorization=headers.get("authorization", b"").decode("latin-1"),
            session_user_id=user.pk
            if user is not None and user.is_authenticated
            else None,
            now=clock.now(),
        )
        if not principal.has_scope("executions:read"):
            raise NotFound
        return principal

    async def _find(self, principal: Principal) -> Execution:
        execution_id = self.scope["url_route"]["kwargs"]["execution_id"]
        return await in_thread(selectors.get_execution, execution_id, by=principal)

    async def _send_all(self, execution: Execution, after: int) -> None:
        events = selectors.follow_progress(execution.id, after=after)
        try:
            async with contextlib.aclosing(events):
                async for event in events:
                    await self._send_in_time(event.as_dict())
        except TimeoutError:
            await self.close(TOO_SLOW)
        else:
            await self.close()

    async def _send_in_time(self, frame: dict[str, Any]) -> None:
        async with asyncio.timeout(SEND_PATIENCE_S):
            await self.send(text_data=orjson.dumps(frame).decode())

    async def _end_with_rights(self, principal: Principal) -> None:
        """Close when the token dies, and at the latest after eight hours."""
        lived_s = 0.0
        while lived_s < MAX_LIFE_S:
            await asyncio.sleep(RECHECK_S)
            lived_s += RECHECK_S
            look = account_selectors.find_current
            if await in_thread(look, principal, now=clock.now()) is None:
                await self.close(NOT_SIGNED_IN)
                return
        await self.close()
