"""Anthropic's Messages API over the `anthropic` SDK, read as raw events.

The SDK keeps authentication, versions and error classes; we parse the stream ourselves,
because the convenience stream costs several times as much CPU per event. Retries are ours
alone (`max_retries=0`).
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import anthropic
import httpx2
import orjson

from agents.runtime import errors
from agents.runtime.errors import ProviderError
from agents.runtime.providers import failures
from agents.runtime.providers.base import ProviderSettings
from agents.runtime.providers.keys import KeyPool, KeyState
from agents.runtime.providers.sse import DataReader, LineTooLong
from agents.runtime.values import (
    Finished,
    ModelCall,
    Started,
    StreamPart,
    TextDelta,
    Usage,
)
from aiagents.common import clock

PASSING_ERRORS = (anthropic.APIConnectionError, httpx2.HTTPError, OSError)


class MessagesProvider:
    """Streams one answer at a time per call; safe for many calls on one event loop."""

    def __init__(
        self,
        settings: ProviderSettings,
        *,
        kind: str,
        headers: dict[str, str] | None = None,
        is_small: bool = False,
        default_model: str = "",
        max_tokens: int = 128_000,
    ) -> None:
        """`headers` are sent with every request."""
        self.kind = kind
        self.is_small = is_small
        self.default_model = default_model
        self.max_tokens = max_tokens
        self._settings = settings
        self._headers = headers or {}
        self._pool = KeyPool(settings.api_keys or ("none",))
        self._clients: dict[int, anthropic.AsyncAnthropic] = {}

    async def stream(self, call: ModelCall) -> AsyncGenerator[StreamPart, None]:
        """Yield Started, text, then Finished; raises ProviderError."""
        key = self._pool.take(clock.monotonic())
        try:
            async for part in self._attempt(call, key):
                yield part
        except ProviderError as error:
            self._pool.failed(key, error, clock.monotonic())
            raise
        except BaseException:
            self._pool.abandoned(key)
            raise
        self._pool.succeeded(key)

    def room(self) -> int:
        """How many more calls its keys would take now."""
        return self._pool.room(clock.monotonic())

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.close()

    async def _attempt(
        self, call: ModelCall, key: KeyState
    ) -> AsyncGenerator[StreamPart, None]:
        reading = Reading()
        try:
            async for chunk in self._chunks(call, key):
                for part in reading.feed(chunk):
                    yield part
                if reading.is_over:
                    return
        except TimeoutError as error:
            raise errors.timed_out("The model's service went silent.") from error
        except anthropic.APIStatusError as error:
            raise failures.from_status(error) from error
        except PASSING_ERRORS as error:
            raise errors.failed(
                "The connection to the model's service broke."
            ) from error
        except LineTooLong as error:
            raise errors.failed("The model's service sent an endless line.") from error
        raise errors.failed("The model's service ended the stream too early.")

    async def _chunks(
        self, call: ModelCall, key: KeyState
    ) -> AsyncGenerator[bytes, None]:
        """The body as it arrives; patient for the first byte, less so between two."""
        patience = self._settings
        async with asyncio.timeout(patience.first_byte_s) as limit:
            raw = self._client(key).messages.with_streaming_response
            async with raw.create(**request(call)) as response:
                async for chunk in response.iter_bytes():
                    limit.reschedule(None)
                    yield chunk
                    now = asyncio.get_running_loop().time()
                    limit.reschedule(now + patience.idle_s)

    def _client(self, key: KeyState) -> anthropic.AsyncAnthropic:
        if key.number not in self._clients:
            self._clients[key.number] = self._make_client(key.secret)
        return self._clients[key.number]

    def _make_client(self, secret: str) -> anthropic.AsyncAnthropic:
        timeout = httpx2.Timeout(None, connect=self._settings.connect_s)
        limits = httpx2.Limits(
            max_connections=self._settings.concurrency,
            max_keepalive_connections=self._settings.concurrency,
        )
        return anthropic.AsyncAnthropic(
            api_key=secret,
            base_url=self._settings.base_url or None,
            max_retries=0,
            timeout=timeout,
            default_headers=self._headers,
            http_client=anthropic.DefaultAioHttpClient(timeout=timeout, limits=limits),
        )


def request(call: ModelCall) -> dict[str, Any]:
    """The arguments of `messages.create`.

    The system prompt is marked for caching: it is the same for every run of a version.
    """
    system = {
        "type": "text",
        "text": call.system,
        "cache_control": {"type": "ephemeral"},
    }
    arguments: dict[str, Any] = {
        "model": call.model,
        "max_tokens": call.max_tokens,
        "system": [system],
        "messages": [{"role": "user", "content": call.user}],
        "stream": True,
    }
    config: dict[str, Any] = {}
    if call.effort:
        config["effort"] = call.effort
    if call.json_schema is not None:
        config["format"] = {"type": "json_schema", "schema": call.json_schema}
    if config:
        arguments["output_config"] = config
    if call.thinking:
        arguments["thinking"] = {"type": "adaptive", "display": "summarized"}
    return arguments


class Reading:
    """What one stream has said so far."""

    def __init__(self) -> None:
        self._data = DataReader()
        self._usage = Usage()
        self._stop_reason = ""
        self.is_over = False

    def feed(self, chunk: bytes) -> list[StreamPart]:
        """The parts that `chunk` completes. Raises ProviderError, LineTooLong."""
        parts = (self._part(data) for data in self._data.feed(chunk))
        return [part for part in parts if part is not None]

    def _part(self, data: bytes) -> StreamPart | None:
        try:
            event = orjson.loads(data)
            return self._understood(event)
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise errors.failed(
                "The model's service sent an unreadable event."
            ) from error

    def _understood(self, event: dict[str, Any]) -> StreamPart | None:
        match event["type"]:
            case "content_block_delta":
                return _text_of(event["delta"])
            case "message_start":
                return self._started(event["message"])
            case "message_delta":
                self._stop_reason = (
                    event["delta"].get("stop_reason") or self._stop_reason
                )
                self._usage = read_usage(event.get("usage") or {}, before=self._usage)
                return None
            case "message_stop":
                self.is_over = True
                return Finished(stop_reason=self._stop_reason, usage=self._usage)
            case "error":
                raise failures.from_event(event)
            case _:  # ping, block starts and stops, and whatever comes to be added
                return None

    def _started(self, message: dict[str, Any]) -> Started:
        self._usage = read_usage(message.get("usage") or {}, before=self._usage)
        return Started(model=str(message.get("model", "")), usage=self._usage)


def _text_of(delta: dict[str, Any]) -> TextDelta | None:
    if delta["type"] != "text_delta" or not delta["text"]:
        return None
    # PostgreSQL stores no NUL, and no reader wants one.
    return TextDelta(text=delta["text"].replace("\x00", ""))


def read_usage(raw: dict[str, Any], *, before: Usage) -> Usage:
    """Tokens as an event or a message tells them.

    Usage counts are totals so far; what an event leaves out stays as it was.
    """

    def count(name: str, known: int) -> int:
        value = raw.get(name)
        return value if isinstance(value, int) and value >= 0 else known

    return Usage(
        input_tokens=count("input_tokens", before.input_tokens),
        output_tokens=count("output_tokens", before.output_tokens),
        cache_read_tokens=count("cache_read_input_tokens", before.cache_read_tokens),
        cache_write_tokens=count(
            "cache_creation_input_tokens", before.cache_write_tokens
        ),
    )
