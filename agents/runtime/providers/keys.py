"""Several API keys in turn, each with its own cool-down, and a breaker per key.

A key is skipped while it cools down after a rate limit, while its breaker is open after
repeated overload, or when the service refused it. One probe goes through an open breaker at a
time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from agents.runtime import errors
from agents.runtime.errors import ProviderError
from agents.runtime.providers.failures import KeyRefused

log = structlog.get_logger(__name__)

#: Failures in a row that open the breaker, and how long it stays open, in seconds.
BREAKER_FAILURES = 5
BREAKER_OPEN_S = 5.0
#: No limit of ours.
MANY = 1_000_000
#: How long a refused key rests before it is tried again, in seconds.
REFUSED_REST_S = 300.0


@dataclass(slots=True, kw_only=True)
class KeyState:
    """One key and what is known of it in this process."""

    secret: str = field(repr=False)
    number: int
    in_flight: int = 0
    rests_until: float = 0.0
    failures_in_row: int = 0
    refused: str = ""

    def is_ready(self, now: float) -> bool:
        """Whether it may be used: rested, and only one probe after repeated failures."""
        probing = self.failures_in_row >= BREAKER_FAILURES and self.in_flight > 0
        return now >= self.rests_until and not probing

    def room(self, now: float) -> int:
        """How many more calls it may be used for: one where it is being probed."""
        if not self.is_ready(now):
            return 0
        return 1 if self.failures_in_row >= BREAKER_FAILURES else MANY


class KeyPool:
    """Chooses the least busy key that is ready, and learns from what came of it."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """`secrets` must not be empty."""
        self.keys = [
            KeyState(secret=s, number=n) for n, s in enumerate(secrets, start=1)
        ]

    def take(self, now: float) -> KeyState:
        """A key to call with. Raises ProviderError when none is ready."""
        ready = [key for key in self.keys if key.is_ready(now)]
        if not ready:
            raise self._none_ready(now)
        key = min(ready, key=lambda k: (k.in_flight, k.number))
        key.in_flight += 1
        return key

    def room(self, now: float) -> int:
        """How many more calls it makes sense to begin: 0 while every key rests.

        Keys that were all refused are no reason to wait: a call tells its caller why.
        """
        if all(key.refused for key in self.keys):
            return MANY
        return sum(key.room(now) for key in self.keys)

    def succeeded(self, key: KeyState) -> None:
        """The call ended well."""
        key.in_flight -= 1
        key.failures_in_row = 0
        key.refused = ""

    def abandoned(self, key: KeyState) -> None:
        """The call was cancelled; that says nothing about the key."""
        key.in_flight -= 1

    def failed(self, key: KeyState, error: ProviderError, now: float) -> None:
        """The call failed: rest the key as the failure asks."""
        key.in_flight -= 1
        if isinstance(error, KeyRefused):
            key.refused = error.message
            key.rests_until = now + REFUSED_REST_S
            log.error(
                "model_key_paused", action="model_key_paused", key_number=key.number
            )
        elif not error.counts and error.retry_after_s is not None:
            key.rests_until = now + error.retry_after_s
        elif error.retryable:
            self._count_failure(key, now)

    def _count_failure(self, key: KeyState, now: float) -> None:
        key.failures_in_row += 1
        if key.failures_in_row >= BREAKER_FAILURES:
            key.rests_until = now + BREAKER_OPEN_S
            log.warning(
                "model_breaker_open", action="model_breaker_open", key_number=key.number
            )

    def _none_ready(self, now: float) -> ProviderError:
        if all(key.refused and key.rests_until > now for key in self.keys):
            return KeyRefused(self.keys[0].refused)
        soonest = min(key.rests_until for key in self.keys)
        return errors.asked_to_wait(
            "Every key rests.", retry_after_s=max(soonest - now, 1.0)
        )
