"""What is asked of the limiter, and what it answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """At most `limit` requests in any `window_s` seconds under one key."""

    key: str
    limit: int
    window_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer for one request, about the tightest of its rules."""

    allowed: bool
    limit: int
    remaining: int
    #: Seconds until the oldest counted request leaves the window.
    reset_s: int
    #: Seconds until a request can be let through again; 0 when this one was.
    retry_after_s: int
    #: The name under which this request was counted; empty when it was refused.
    entry: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Where one rule stands before this request, times in seconds from now."""

    count: int
    oldest_leaves_s: float
    room_in_s: float


def decide(rules: Sequence[Rule], counts: Sequence[Count], *, entry: str) -> Decision:
    """The decision over all rules: the longest wait of those that refuse, else the least rest."""
    pairs = list(zip(rules, counts, strict=True))
    full = [(rule, count) for rule, count in pairs if count.count >= rule.limit]
    if full:
        return _refused(*max(full, key=lambda pair: pair[1].room_in_s))
    rule, count = min(pairs, key=lambda pair: pair[0].limit - pair[1].count)
    return Decision(
        allowed=True,
        limit=rule.limit,
        remaining=rule.limit - count.count - 1,
        reset_s=_seconds(count.oldest_leaves_s) if count.count else rule.window_s,
        retry_after_s=0,
        entry=entry,
    )


def _refused(rule: Rule, count: Count) -> Decision:
    wait_s = _seconds(count.room_in_s)
    return Decision(
        allowed=False,
        limit=rule.limit,
        remaining=0,
        reset_s=wait_s,
        retry_after_s=wait_s,
    )


def _seconds(exact: float) -> int:
    return max(1, math.ceil(exact))
