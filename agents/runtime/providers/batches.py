"""Anthropic's Message Batches API: many requests, answered within a day, at half the price.

Plain blocking calls, one at a time: a look every half a minute needs no event loop. Who calls
decides about retries; nothing is repeated here, because a repeated `send` is paid twice.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx2
import orjson

from agents.choices import ErrorCode
from agents.runtime import errors
from agents.runtime.errors import ProviderError
from agents.runtime.providers import failures
from agents.runtime.providers.base import ProviderSettings
from agents.runtime.providers.failures import KeyRefused
from agents.runtime.providers.messages import read_usage, request
from agents.runtime.values import ModelCall, Usage

#: A body of many megabytes is sent, and results are awaited, for so long, in seconds.
PATIENCE_S = 120.0
#: The longest line of results that is kept in memory.
MAX_LINE_BYTES = 32_000_000
DIGEST_CHARS = 16


class BatchLost(ProviderError):
    """The provider does not know the batch, or its results are gone."""

    def __init__(self) -> None:
        """It will not come back."""
        message = "The model's service no longer knows the batch."
        super().__init__(message, code=ErrorCode.LLM_ERROR, retryable=False)


class Expired(Exception):
    """The provider did not come to this request in time; nothing was paid."""


class Withdrawn(Exception):
    """The request was cancelled before the provider came to it; nothing was paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A batch that the provider has accepted."""

    provider_id: str
    #: Names the key without telling it: only that key may read the results.
    key_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A whole answer."""

    text: str
    stop_reason: str
    model: str
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one request."""

    custom_id: str
    answer: Message | ProviderError | Expired | Withdrawn


class MessageBatches:
    """The batch service with the configured keys."""

    def __init__(self, settings: ProviderSettings) -> None:
        """`settings.api_keys` are tried in their order."""
        self._settings = settings
        keys = settings.api_keys or ("none",)
        self._clients = {_digest(key): self._make_client(key) for key in keys}

    def send(self, calls: Mapping[str, ModelCall]) -> Sent:
        """Hand over one request per custom id. Raises ProviderError; KeyRefused when all keys are."""
        requests = [
            {"custom_id": key, "params": _params(call)} for key, call in calls.items()
        ]
        refused: KeyRefused | None = None
        for digest, client in self._clients.items():
            try:
                return Sent(provider_id=_create(client, requests), key_digest=digest)
            except KeyRefused as error:
                refused = error
        raise refused or KeyRefused("No key is configured.")

    def has_ended(self, sent: Sent) -> bool:
        """Whether every request was dealt with. Raises ProviderError."""
        client = self._client(sent)
        with _sorted_errors():
            batch = client.messages.batches.retrieve(sent.provider_id)
        return batch.processing_status == "ended"

    def cancel(self, sent: Sent) -> None:
        """Ask it to end soon; what it has answered stays and is paid. Raises ProviderError."""
        client = self._client(sent)
        with _sorted_errors():
            client.messages.batches.cancel(sent.provider_id)

    def results(self, sent: Sent) -> Iterator[Result]:
        """What came of each request, in any order. Raises ProviderError."""
        client = self._client(sent)
        with _sorted_errors():
            raw = client.messages.batches.with_streaming_response
            with raw.results(sent.provider_id) as response:
                for line in _lines(response.iter_bytes()):
                    yield _result(line)

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()

    def _client(self, sent: Sent) -> anthropic.Anthropic:
        if sent.key_digest not in self._clients:
            raise KeyRefused("The key that sent the batch is not configured any more.")
        return self._clients[sent.key_digest]

    def _make_client(self, secret: str) -> anthropic.Anthropic:
        return anthropic.Anthropic(
            api_key=secret,
            base_url=self._settings.base_url or None,
            max_retries=0,
            timeout=httpx2.Timeout(PATIENCE_S, connect=self._settings.connect_s),
        )


@contextmanager
def _sorted_errors() -> Iterator[None]:
    """Turn what the SDK raises into a ProviderError."""
    try:
        yield
    except anthropic.NotFoundError as error:
        raise BatchLost from error
    except anthropic.APITimeoutError as error:
        raise errors.timed_out("The model's service went silent.") from error
    except anthropic.APIStatusError as error:
        raise failures.from_status(error) from error
    except (anthropic.AnthropicError, httpx2.HTTPError, OSError) as error:
        raise errors.failed("The connection to the model's service broke.") from error


def _create(client: anthropic.Anthropic, requests: Sequence[Any]) -> str:
    try:
        with _sorted_errors():
            return client.messages.batches.create(requests=requests).id
    except BatchLost as error:
        raise KeyRefused("The model's service has no batch service.") from error


def _params(call: ModelCall) -> dict[str, Any]:
    params = request(call)
    del params["stream"]
    return params


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:DIGEST_CHARS]


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines that end with LF only: a text may hold other line separators."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_LINE_BYTES:
            raise errors.failed("The model's service sent an endless line.")
        yield from (line for line in lines if line.strip())
    if rest.strip():
        yield rest


def _result(line: bytes) -> Result:
    try:
        data = orjson.loads(line)
        return Result(custom_id=str(data["custom_id"]), answer=_answer(data["result"]))
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError) as error:
        raise errors.failed("The model's service sent an unreadable result.") from error


def _answer(result: dict[str, Any]) -> Message | ProviderError | Expired | Withdrawn:
    match result["type"]:
        case "succeeded":
            return _message(result["message"])
        case "expired":
            return Expired()
        case "canceled":
            return Withdrawn()
        case _:
            outer = result.get("error") or {}
            detail = outer.get("error") or outer
            return failures.from_type(
                str(detail.get("type", "")),
                text=str(detail.get("message", "")),
                request_id=str(outer.get("request_id") or ""),
            )


def _message(message: dict[str, Any]) -> Message:
    texts = [part["text"] for part in message["content"] if part["type"] == "text"]
    return Message(
        # PostgreSQL stores no NUL, and no reader wants one.
        text="".join(texts).replace("\x00", ""),
        stop_reason=str(message.get("stop_reason") or ""),
        model=str(message.get("model") or ""),
        usage=read_usage(message.get("usage") or {}, before=Usage()),
    )
