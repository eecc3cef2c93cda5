"""Which due executions a worker takes next, and the claim that makes them its own."""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import (
    Case,
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    IntegerField,
    Value,
    When,
    Window,
)
from django.db.models.functions import Coalesce, Now, RowNumber

from agents.choices import (
    TRANSITIONS,
    ErrorCause,
    ErrorCode,
    ExecutionStatus,
    Lane,
)
from agents.events import ExecutionStarted
from agents.models import Execution
from agents.querysets import ExecutionQuerySet
from agents.services import endings
from aiagents.common.transitions import try_move
from analytics.services import record_events

#: Of the last attempt's company, 1; each attempt left before it allows so many times more.
COMPANY_BASE = 4
#: What a worker and the event of the start need; above all no definition and no outputs.
CLAIM_FIELDS = (
    *("id", "team_id", "user_id", "lane", "attempt", "failures", "wait_reason"),
    *("inputs", "is_free_text", "agent__slug", "agent__suspended_at"),
    "version__number",
)
LANE_ORDER = (Lane.INTERACTIVE, Lane.WORKFLOW, Lane.BATCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An execution that this worker holds."""

    execution_id: uuid.UUID
    attempt: int
    agent_id: uuid.UUID
    version_id: uuid.UUID
    inputs: Mapping[str, Any]
    is_free_text: bool
    #: Seconds until the deadline, at the moment of the claim.
    time_left_s: float
    #: How many runs whose worker was lost may share its worker; 0 for one that is none.
    company: int = 0


def claim_executions(
    *,
    owner: str,
    limit: int,
    lanes: Sequence[str] = LANE_ORDER,
    companies: Sequence[int] = (),
) -> list[Claim]:
    """Take up to `limit` due executions, fairly: lanes in order, teams in turn.

    `companies` are those of the claims that the worker holds already.
    """
    if limit < 1:
        return []
    with transaction.atomic():
        wanted = _candidates(lanes=lanes, limit=limit, companies=companies)
        rows = _lock(wanted)
        _refuse_suspended(row for row in rows if row.agent.is_suspended)
        rows = [row for row in rows if not row.agent.is_suspended]
        _take(rows, owner=owner)
    return [_claimed(row) for row in rows]


def _candidates(
    *, lanes: Sequence[str], limit: int, companies: Sequence[int]
) -> list[uuid.UUID]:
    """Ids in the order in which they should run.

    A team's first waiting run comes before any team's second; teams at their cap wait.
    """
    rank = Case(
        *(When(lane=lane, then=Value(place)) for place, lane in enumerate(lanes)),
        output_field=IntegerField(),
    )
    running = Execution.objects.filter(status=ExecutionStatus.RUNNING)
    by_team = running.values("team_id").annotate(count=Count("id"))
    counts: dict[uuid.UUID, int] = dict(by_team.values_list("team_id", "count"))
    full = [team for team, n in counts.items() if n >= settings.TEAM_MAX_RUNNING]
    turn = Window(
        RowNumber(),
        partition_by=[F("lane"), F("team_id")],
        order_by=["available_at", "id"],
    )
    queue = (
        Execution.objects.claimable()
        .filter(lane__in=lanes)
        .exclude(team_id__in=full)
        .annotate(turn=turn, rank=rank)
        .order_by("rank", "turn", "available_at", "id")
    )
    choice = _Choice(limit=limit, counts=counts, companies=companies)
    choice.offer(queue)
    if choice.has_passed_over:
        choice.offer(queue.unsuspected())
    return choice.ids


class _Choice:
    """Who runs next: within the caps of teams, and suspects in small company.

    A run whose worker was lost may have been the reason, and it would take its company with
    it again and again until all have used up their attempts. So a worker tries fewer such
    runs at once the fewer attempts they have left, and a last attempt with no other suspect.
    """

    def __init__(
        self, *, limit: int, counts: dict[uuid.UUID, int], companies: Sequence[int]
    ) -> None:
        self.ids: list[uuid.UUID] = []
        self.has_passed_over = False
        self._limit = limit
        self._counts = counts
        self._companies = list(companies)

    def offer(self, queue: ExecutionQuerySet) -> None:
        """Choose from the head of a queue."""
        fields = ("id", "team_id", "wait_reason", "failures")
        for key, team, reason, failures in queue.values_list(*fields)[
            : self._limit * 2
        ]:
            is_full = self._counts.get(team, 0) >= settings.TEAM_MAX_RUNNING
            if is_full or len(self.ids) == self._limit or key in self.ids:
                continue
            if self._joins(_company(reason, failures)):
                self._counts[team] = self._counts.get(team, 0) + 1
                self.ids.append(key)

    def _joins(self, company: int) -> bool:
        if not company:
            return True
        together = [*self._companies, company]
        if len(together) > min(together):
            self.has_passed_over = True
            return False
        self._companies = together
        return True


def _company(wait_reason: str, failures: int) -> int:
    """How many suspects, itself among them, a worker may run; 0 for a run that is none."""
    if wait_reason != ErrorCause.WORKER_LOST:
        return 0
    left = max(settings.MAX_FAILURES - failures, 1)
    return int(COMPANY_BASE ** (left - 1))


def _lock(wanted: Sequence[uuid.UUID]) -> list[Execution]:
    """The wanted rows that nobody else is taking, still claimable."""
    rows = Execution.objects.claimable().filter(id__in=wanted)
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",))
    time_left = ExpressionWrapper(
        F("deadline_at") - Now(), output_field=DurationField()
    )
    rows = rows.select_related("agent", "version").only(*CLAIM_FIELDS)
    rows = rows.annotate(time_left=time_left)
    found = {row.id: row for row in rows}
    return [found[key] for key in wanted if key in found]


def _refuse_suspended(rows: Iterable[Execution]) -> None:
    for row in rows:
        moved = try_move(
            Execution.objects.filter(id=row.id, attempt=row.attempt),
            transitions=TRANSITIONS,
            to=ExecutionStatus.FAILED,
            error_code=ErrorCode.AGENT_SUSPENDED,
            error_message=f"The agent '{row.agent.slug}' was suspended before the run began.",
            finished_at=Now(),
        )
        if moved:
            endings.record_end(row.id, closes_stream=True)


def _take(rows: Sequence[Execution], *, owner: str) -> None:
    Execution.objects.filter(id__in=[row.id for row in rows]).update(
        status=ExecutionStatus.RUNNING,
        attempt=F("attempt") + 1,
        lease_owner=owner,
        lease_until=Now() + dt.timedelta(seconds=settings.LEASE_S),
        started_at=Coalesce("started_at", Now()),
        wait_reason="",
    )
    record_events([_started(row) for row in rows])


def _started(row: Execution) -> ExecutionStarted:
    return ExecutionStarted(
        aggregate_id=row.id,
        team_id=row.team_id,
        user_id=row.user_id,
        agent=row.agent.slug,
        agent_version=row.version.number,
        lane=row.lane,
        attempt=row.attempt + 1,
    )


def _claimed(row: Execution) -> Claim:
    return Claim(
        execution_id=row.id,
        attempt=row.attempt + 1,
        agent_id=row.agent_id,
        version_id=row.version_id,
        inputs=row.inputs,
        is_free_text=row.is_free_text,
        time_left_s=row.time_left.total_seconds(),  # type: ignore[attr-defined]
        company=_company(row.wait_reason, row.failures),
    )
