"""The Message Batches API: requests that are answered later, in any order."""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiagents.common import clock
from aiagents.testing.messages_server.errors import (
    RefusedError,
    invalid_request,
    not_found,
)
from aiagents.testing.messages_server.sse import dump

_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
#: Answers one request of a batch. Raises RefusedError.
Run = Callable[[Any, str], dict[str, Any]]


@dataclass(slots=True)
class Batch:
    """One batch; it ends after `polls_left` looks at it."""

    id: str
    key: str
    requests: list[dict[str, Any]]
    polls_left: int
    created_at: dt.datetime
    ended_at: dt.datetime | None = None
    cancelled_at: dt.datetime | None = None
    results: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> str:
        if self.ended_at:
            return "ended"
        return "canceling" if self.cancelled_at else "in_progress"

    def to_json(self, base_url: str) -> dict[str, Any]:
        url = f"{base_url}/v1/messages/batches/{self.id}/results"
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": self.status,
            "request_counts": self._counts(),
            "created_at": self.created_at.isoformat(),
            "expires_at": (self.created_at + dt.timedelta(days=1)).isoformat(),
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
            "cancel_initiated_at": (
                self.cancelled_at.isoformat() if self.cancelled_at else None
            ),
            "archived_at": None,
            "results_url": url if self.ended_at else None,
        }

    def _counts(self) -> dict[str, int]:
        kinds = [line["result"]["type"] for line in self.results]
        counts = {
            kind: kinds.count(kind)
            for kind in ("succeeded", "errored", "canceled", "expired")
        }
        return {"processing": len(self.requests) - len(kinds), **counts}


class Batches:
    """All batches of a server. Used by the server's thread only."""

    def __init__(self, *, run: Run, polls: int) -> None:
        self._run = run
        self._polls = polls
        self._batches: dict[str, Batch] = {}

    def create(self, body: Any, *, key: str) -> Batch:
        requests = body.get("requests") if isinstance(body, dict) else None
        _check_requests(requests)
        batch = Batch(
            id=f"msgbatch_{len(self._batches):024d}",
            key=key,
            requests=list(requests or ()),
            polls_left=self._polls,
            created_at=clock.now(),
        )
        self._batches[batch.id] = batch
        return batch

    def get(self, batch_id: str) -> Batch:
        if batch_id not in self._batches:
            message = f"Message batch {batch_id} not found."
            raise not_found(message)
        return self._batches[batch_id]

    def poll(self, batch_id: str) -> Batch:
        """The batch as it is now; looking at it is what moves it on."""
        batch = self.get(batch_id)
        if batch.ended_at:
            return batch
        if batch.polls_left and not batch.cancelled_at:
            batch.polls_left -= 1
            return batch
        # Reversed: results come in any order, and callers must not rely on one.
        batch.results = [self._result(batch, item) for item in batch.requests[::-1]]
        batch.ended_at = clock.now()
        return batch

    def cancel(self, batch_id: str) -> Batch:
        batch = self.get(batch_id)
        if batch.ended_at:
            message = "The batch has already ended."
            raise invalid_request(message)
        batch.cancelled_at = batch.cancelled_at or clock.now()
        return batch

    def results(self, batch_id: str) -> bytes:
        """The results as JSON lines."""
        batch = self.get(batch_id)
        if not batch.ended_at:
            message = "The batch has not ended yet."
            raise invalid_request(message)
        return b"".join(dump(line) + b"\n" for line in batch.results)

    def _result(self, batch: Batch, item: dict[str, Any]) -> dict[str, Any]:
        if batch.cancelled_at:
            return {"custom_id": item["custom_id"], "result": {"type": "canceled"}}
        result: dict[str, Any]
        try:
            message = self._run(item["params"], batch.key)
        except RefusedError as refused:
            result = {"type": "errored", "error": refused.answer.body(batch.id)}
        else:
            result = {"type": "succeeded", "message": message}
        return {"custom_id": item["custom_id"], "result": result}


def _check_requests(requests: Any) -> None:
    if not isinstance(requests, list) or not requests:
        message = "requests: at least one request is required"
        raise invalid_request(message)
    seen: set[str] = set()
    for index, item in enumerate(requests):
        custom_id = item.get("custom_id") if isinstance(item, dict) else None
        if not isinstance(custom_id, str) or not _CUSTOM_ID.fullmatch(custom_id):
            message = (
                f"requests.{index}.custom_id: Input should match {_CUSTOM_ID.pattern}"
            )
            raise invalid_request(message)
        if custom_id in seen or not isinstance(item.get("params"), dict):
            message = f"requests.{index}: custom_id must be unique, params an object"
            raise invalid_request(message)
        seen.add(custom_id)
