"""Whether and when a failed attempt is followed by another."""

import random
from dataclasses import dataclass

from agents.runtime.errors import ProviderError

BASE_S = 1.0
CAP_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryDecision:
    """What becomes of a failed attempt."""

    retry: bool
    delay_s: float
    #: The number of failures including this one, if it counts.
    failures: int


def decide_retry(
    error: ProviderError, *, failures: int, max_failures: int, rng: random.Random
) -> RetryDecision:
    """Retry what may pass, with full jitter that doubles from 1 to 60 s.

    Full jitter as in "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. A wait
    that the service asked for is honoured and, where it says so, not counted.
    """
    counted = failures + int(error.counts)
    may_retry = error.retryable and counted < max_failures
    if error.retry_after_s is not None:
        spread = rng.uniform(0, min(1.0, error.retry_after_s))
        return RetryDecision(
            retry=may_retry, delay_s=error.retry_after_s + spread, failures=counted
        )
    ceiling = min(CAP_S, BASE_S * 2 ** max(counted - 1, 0))
    return RetryDecision(
        retry=may_retry, delay_s=rng.uniform(0, ceiling), failures=counted
    )
