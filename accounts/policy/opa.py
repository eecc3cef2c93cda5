"""Asking an Open Policy Agent server, which holds the same files, over its data API.

https://www.openpolicyagent.org/docs/latest/rest-api/#data-api: `POST /v1/data/<rule>` with
`{"input": …}` answers `{"result": …}`, without `result` when the rule has no value.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import httpx2

from accounts.policy.bundle import RULE
from accounts.policy.values import NoDecisionError
from aiagents.common import clock
from aiagents.common import json as strict_json

MAX_ANSWER_BYTES = 64 * 1024
HEADERS = {"Content-Type": "application/json"}
#: A kept-alive connection may be closed under our hands; asking twice changes nothing there.
TRIES = 2


class OpaServer:
    """The rules of one OPA server."""

    revision = "opa"

    def __init__(self, url: str, *, timeout_s: float) -> None:
        """`timeout_s` bounds each decision as a whole."""
        self._url = f"{url.rstrip('/')}/v1/data/{RULE}"
        self._timeout_s = timeout_s

    def evaluate(self, document: Mapping[str, Any]) -> Any:
        """The decision object. Raises NoDecisionError, also when it took too long."""
        ends_s = clock.monotonic() + self._timeout_s
        body = strict_json.canonical({"input": document})
        try:
            answer = json.loads(self._post(body, ends_s))
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as error:
            raise NoDecisionError(repr(error)) from error
        if not isinstance(answer, dict) or "result" not in answer:
            raise NoDecisionError("OPA has no value for the rule")
        return answer["result"]

    def _post(self, body: bytes, ends_s: float) -> bytes:
        for tries_left in reversed(range(TRIES)):
            try:
                return self._post_once(body, ends_s)
            except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    def _post_once(self, body: bytes, ends_s: float) -> bytes:
        left_s = ends_s - clock.monotonic()
        if left_s <= 0:
            raise NoDecisionError("too slow")
        request = _client().stream(
            "POST", self._url, content=body, headers=HEADERS, timeout=left_s
        )
        received = b""
        with request as response:
            response.raise_for_status()
            # A time-out of the library bounds each part; a server that drips is slow as well.
            for part in response.iter_bytes():
                received += part
                if clock.monotonic() > ends_s or len(received) > MAX_ANSWER_BYTES:
                    raise NoDecisionError("too slow, or too long an answer")
        return received


@lru_cache(maxsize=1)
def _client() -> httpx2.Client:
    """One for the process; it may be used by every thread. No proxy: the server is a sidecar."""
    return httpx2.Client(trust_env=False)
