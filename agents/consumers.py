"""The websocket of one execution's progress."""

import asyncio
import contextlib
from typing import Any
from urllib.parse import parse_qs

import orjson
from channels.generic.websocket import AsyncWebsocketConsumer
from redis.exceptions import RedisError

from accounts import selectors as account_selectors
from accounts import services as account_services
from accounts.models import BrowserSession
from agents import selectors
from agents.models import Execution
from aiagents.common import clock, rights
from aiagents.common.connections import in_thread
from aiagents.common.errors import InvalidInput, NotFound, Unauthenticated
from aiagents.common.ids import parse_id
from aiagents.common.principals import Principal

NOT_SIGNED_IN = 4401
NOT_YOURS = 4404
TOO_SLOW = 4409
BAD_REQUEST = 4400
#: A client that takes no frame for so long is too slow, in seconds.
SEND_PATIENCE_S = 15.0
#: How often the reader's rights are looked at again without having been told, in seconds.
RECHECK_S = 60.0
MAX_LIFE_S = 8 * 3600.0
MAX_SEQ = 2**53


class ExecutionConsumer(AsyncWebsocketConsumer):  # type: ignore[misc] # channels has no types
    """Sends every event after the client's last one, then new ones, then closes.

    Accepts before it refuses, so that a browser can read the close code.
    """

    _tasks: tuple["asyncio.Task[None]", ...] = ()
    _principal: Principal
    _group = ""
    _is_over = False

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
            self._principal = principal
            await self._begin(execution, after)

    async def disconnect(self, code: int) -> None:
        """The run goes on; only this reader ends."""
        self._stop()
        if self._group:
            with contextlib.suppress(RedisError, OSError):
                await self.channel_layer.group_discard(self._group, self.channel_name)

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None
    ) -> None:
        """Nothing that a client says matters here."""

    async def rights_changed(self, message: dict[str, Any]) -> None:
        """Some credential of this person has ended; is it the one of this socket?"""
        await self._end_without_rights()

    async def _begin(self, execution: Execution, after: int) -> None:
        self._group = rights.group_name(self._principal.user_id)
        with contextlib.suppress(RedisError, OSError):
            await self.channel_layer.group_add(self._group, self.channel_name)
        # What ended before the group was joined is found by looking once.
        if await self._end_without_rights():
            return
        self._tasks = (
            asyncio.create_task(self._send_all(execution, after)),
            asyncio.create_task(self._end_in_time()),
        )

    def _stop(self) -> None:
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()

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
            session_id=parse_id(
                self.scope.get("session", {}).get(BrowserSession.ID_FIELD)
            ),
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
            await self._end(TOO_SLOW)
        else:
            await self._end()

    async def _send_in_time(self, frame: dict[str, Any]) -> None:
        async with asyncio.timeout(SEND_PATIENCE_S):
            await self.send(text_data=orjson.dumps(frame).decode())

    async def _end_in_time(self) -> None:
        """Look at the rights now and then, and end at the latest after eight hours."""
        lived_s = 0.0
        while lived_s < MAX_LIFE_S:
            await asyncio.sleep(RECHECK_S)
            lived_s += RECHECK_S
            if await self._end_without_rights():
                return
        await self._end()

    async def _end_without_rights(self) -> bool:
        """Close when the credential has ended; whether it has."""
        look = account_selectors.find_current
        if await in_thread(look, self._principal, now=clock.now()) is not None:
            return False
        await self._end(NOT_SIGNED_IN)
        return True

    async def _end(self, code: int | None = None) -> None:
        """Close once: the end of a run and of a right may come together."""
        if not self._is_over:
            self._is_over = True
            self._stop()
            await self.close(code)
