"""Holding leases from a thread of its own, which blocking work on the loop cannot starve."""

import threading
import uuid
from collections.abc import Callable, Sequence

import structlog
from django.conf import settings

from agents.executor.store import AWAY
from agents.services import attempts
from aiagents.common.connections import in_own_connection

log = structlog.get_logger(__name__)

#: An execution in flight and its attempt.
Held = tuple[uuid.UUID, int]
ReadHeld = Callable[[], Sequence[Held]]
Lose = Callable[[Held], None]


class Heartbeat(threading.Thread):
    """Renews all leases of the process in one UPDATE."""

    def __init__(self, *, owner: str, read_held: ReadHeld, lose: Lose) -> None:
        """`lose` is called for each attempt that is not ours any more."""
        super().__init__(name="heartbeat", daemon=True)
        self._owner = owner
        self._read_held = read_held
        self._lose = lose
        self._stopped = threading.Event()

    def run(self) -> None:
        """Beat until stopped."""
        while not self._stopped.wait(settings.HEARTBEAT_S):
            self._beat()

    def stop(self) -> None:
        """End the thread at its next beat."""
        self._stopped.set()

    def _beat(self) -> None:
        held = self._read_held()
        if not held:
            return
        try:
            renewed = in_own_connection(
                attempts.renew_leases,
                owner=self._owner,
                ids=list({key for key, _ in held}),
            )
        except AWAY as error:
            log.warning(
                "heartbeat_missed", action="heartbeat_missed", cause=repr(error)
            )
            return
        for execution_id, attempt in held:
            if renewed.get(execution_id) != attempt:
                self._lose((execution_id, attempt))
