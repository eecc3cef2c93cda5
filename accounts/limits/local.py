"""What does this process itself remember of who asked how often?

Used while Redis is away. Requests that Redis let through are noted here as well, so that a
process whose Redis dies goes on counting where it stood and does not start at zero.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Sequence

from accounts.limits.values import Count, Decision, Rule, decide

MAX_KEYS = 10_000


class LocalWindow:
    """Sliding windows of one process; the least recently used keys are forgotten first."""

    def __init__(self, *, max_keys: int = MAX_KEYS) -> None:
        """`max_keys` bounds the memory."""
        self._lock = threading.Lock()
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._max_keys = max_keys

    def check_all(self, rules: Sequence[Rule], *, entry: str, at_s: float) -> Decision:
        """Count one request at `at_s`, a monotonic time, unless a rule refuses it."""
        with self._lock:
            decision = decide(
                rules, [self._count(rule, at_s) for rule in rules], entry=entry
            )
            if decision.allowed:
                self._add(rules, at_s)
            return decision

    def note(self, rules: Sequence[Rule], *, at_s: float) -> None:
        """Remember a request that was let through elsewhere."""
        with self._lock:
            for rule in rules:
                self._count(rule, at_s)
            self._add(rules, at_s)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._times.clear()

    def _count(self, rule: Rule, at_s: float) -> Count:
        times = self._of(rule.key)
        while times and times[0] <= at_s - rule.window_s:
            times.popleft()
        if not times:
            return Count(
                count=0, oldest_leaves_s=rule.window_s, room_in_s=rule.window_s
            )
        freed_by = times[max(0, len(times) - rule.limit)]
        return Count(
            count=len(times),
            oldest_leaves_s=times[0] + rule.window_s - at_s,
            room_in_s=freed_by + rule.window_s - at_s,
        )

    def _of(self, key: str) -> deque[float]:
        times = self._times.setdefault(key, deque())
        self._times.move_to_end(key)
        while len(self._times) > self._max_keys:
            self._times.popitem(last=False)
        return times

    def _add(self, rules: Sequence[Rule], at_s: float) -> None:
        for rule in rules:
            times = self._of(rule.key)
            times.append(at_s)
            while len(times) > rule.limit:
                times.popleft()
