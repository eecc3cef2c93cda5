"""Waiting for what another thread or process does, without guessing how long it takes."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
STEP_S = 0.01


def wait_until(
    condition: Callable[[], T],
    timeout: float = 10.0,
    *,
    message: str | Callable[[], str] = "",
    step: float = STEP_S,
) -> T:
    """The first true answer of `condition`, asked every `step` seconds.

    Raises AssertionError after `timeout` seconds, with `message`.
    """
    until = time.monotonic() + timeout
    while True:
        if answer := condition():
            return answer
        if time.monotonic() > until:
            words = message() if callable(message) else message
            raise AssertionError(words or f"not true within {timeout:g} s")
        time.sleep(step)
