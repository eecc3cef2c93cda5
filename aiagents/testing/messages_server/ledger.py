"""What the server was asked and how each request ended: its own count of the truth."""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from aiagents.testing.messages_server.behaviours import Behaviour
from aiagents.testing.messages_server.prompts import Prompt

#: `open` while it is being answered.
Outcome = Literal["open", "finished", "cut", "client_closed", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One POST /v1/messages, or one request of a batch."""

    #: Counted from 0 since the start or the last reset.
    index: int
    #: The last four characters of the key, "" without one.
    key_suffix: str
    model: str
    system: str
    messages: tuple[dict[str, Any], ...]
    is_stream: bool
    #: time.monotonic() of the server's process.
    received_at: float
    behaviour: Behaviour
    outcome: Outcome
    #: The name in the first `[[marker:…]]` of the request.
    marker: str | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"behaviour": self.behaviour.to_json()}


@dataclass(slots=True)
class Entry:
    """The place of one call in the ledger, held by whoever answers it."""

    calls: list[Call]
    index: int
    key: str
    ledger: "Ledger"

    def settle(self, outcome: Outcome) -> None:
        """Write down how the call ended; only the first outcome counts.

        Called before the client can see the end, so that a client that has seen it
        finds it in the ledger.
        """
        self.ledger.settle(self, outcome)


class Ledger:
    """Append-only record of calls, readable and awaitable from every thread."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._calls: list[Call] = []
        self._open = 0

    def open(self, *, prompt: Prompt | None, key: str, behaviour: Behaviour) -> Entry:
        """Record a call; without a prompt the request could not be read."""
        with self.changed:
            call = Call(
                index=len(self._calls),
                key_suffix=key[-4:],
                model=prompt.model if prompt else "",
                system=prompt.system if prompt else "",
                messages=prompt.messages if prompt else (),
                is_stream=prompt.is_stream if prompt else False,
                received_at=time.monotonic(),
                behaviour=behaviour,
                outcome="open",
                marker=prompt.marker if prompt else None,
            )
            self._calls.append(call)
            self._open += 1
            self.changed.notify_all()
            return Entry(calls=self._calls, index=call.index, key=key, ledger=self)

    def settle(self, entry: Entry, outcome: Outcome) -> None:
        with self.changed:
            call = entry.calls[entry.index]
            if call.outcome != "open":
                return
            entry.calls[entry.index] = replace(call, outcome=outcome)
            self._open -= 1
            self.changed.notify_all()

    @property
    def calls(self) -> tuple[Call, ...]:
        with self.changed:
            return tuple(self._calls)

    @property
    def open_count(self) -> int:
        return self._open

    def clear(self) -> None:
        """Forget the calls; those being answered still count as open."""
        with self.changed:
            self._calls = []
            self.changed.notify_all()

    def to_json(self, *, marker: str | None = None) -> dict[str, Any]:
        """The calls, or those of one marker, and the number of open ones."""
        calls = [c for c in self.calls if marker is None or c.marker == marker]
        return {
            "calls": [call.to_json() for call in calls],
            "open_streams": self.open_count,
        }

    def wait_for(self, predicate: Callable[[], bool], timeout_s: float) -> bool:
        """True as soon as the predicate holds. Raises TimeoutError with the calls."""
        with self.changed:
            if self.changed.wait_for(predicate, timeout_s):
                return True
            seen = [(c.index, c.marker, c.outcome) for c in self._calls[-20:]]
        message = f"Not within {timeout_s:g} s. Open: {self._open}, last calls: {seen}"
        raise TimeoutError(message)
