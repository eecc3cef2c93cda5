"""How full is the queue? Counted at most once a second in a process, however many ask.

One count serves all teams and agents, so what a request pays does not grow with their number;
a bound that is a second late is bound enough.
"""

import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import Count

from agents.choices import ExecutionStatus
from agents.models import Execution
from aiagents.common import clock

#: A count is kept for so many times as long as it took, when the queue is very long.
PATIENCE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """Queued runs of all lanes."""

    by_team: Counter[uuid.UUID] = field(default_factory=Counter)
    by_agent: Counter[uuid.UUID] = field(default_factory=Counter)


class _Gauge:
    """The last count, and until when it is good."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = QueueCounts()
        self._read_at = float("-inf")
        self._took_s = 0.0

    def read(self) -> QueueCounts:
        fresh_s = settings.QUEUE_FRESH_S
        if fresh_s and clock.monotonic() - self._read_at < self._keeps_s(fresh_s):
            return self._counts
        # Whoever finds somebody counting takes the count before.
        if self._lock.acquire(blocking=not fresh_s):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._counts

    def _keeps_s(self, fresh_s: float) -> float:
        return max(fresh_s, self._took_s * PATIENCE)

    def _look(self) -> None:
        began = clock.monotonic()
        self._counts = _count()
        self._read_at = clock.monotonic()
        self._took_s = self._read_at - began


_gauge = _Gauge()


def queued_counts() -> QueueCounts:
    """Queued runs by team and by agent, at most about QUEUE_FRESH_S old."""
    return _gauge.read()


def _count() -> QueueCounts:
    counts = QueueCounts()
    queued = Execution.objects.filter(status=ExecutionStatus.QUEUED)
    rows = queued.order_by().values_list("team_id", "agent_id")
    for team_id, agent_id, count in rows.annotate(count=Count("id")):
        counts.by_team[team_id] += count
        counts.by_agent[agent_id] += count
    return counts
