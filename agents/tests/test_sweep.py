"""What the sweeper finds, and what it leaves alone."""

import datetime as dt

import pytest

from agents.choices import ErrorCode, ExecutionStatus
from agents.models import Execution
from agents.services import sweep_executions
from agents.tests.factories import ExecutionFactory
from aiagents.common import clock
from analytics.models import Event

pytestmark = pytest.mark.django_db
S = ExecutionStatus
MINUTE = dt.timedelta(minutes=1)


def past() -> dt.datetime:
    return clock.now() - MINUTE


def test_a_lost_worker_is_a_counted_failure_and_the_run_goes_back():
    row = ExecutionFactory(running=True, lease_until=past())
    assert sweep_executions().requeued == 1
    row.refresh_from_db()
    assert (row.status, row.failures, row.attempt) == (S.QUEUED, 1, 1)
    assert (row.lease_until, row.lease_owner, row.wait_reason) == (
        None,
        "",
        "worker_lost",
    )


def test_the_last_lost_worker_ends_the_run(settings):
    row = ExecutionFactory(
        running=True, lease_until=past(), failures=settings.MAX_FAILURES - 1
    )
    assert sweep_executions().exhausted == 1
    row.refresh_from_db()
    assert (row.status, row.error_code) == (S.FAILED, ErrorCode.ATTEMPTS_EXHAUSTED)
    assert row.error_cause == "worker_lost"


def test_an_unconfirmed_cancel_is_confirmed_when_the_lease_is_over():
    row = ExecutionFactory(running=True, lease_until=past(), cancel_requested_at=past())
    assert sweep_executions().cancelled == 1
    row.refresh_from_db()
    assert row.status == S.CANCELLED


@pytest.mark.parametrize("trait", [{}, {"running": True}])
def test_the_deadline_ends_what_is_unfinished(trait):
    row = ExecutionFactory(deadline_at=past(), **trait)
    assert sweep_executions().timed_out == 1
    row.refresh_from_db()
    assert (row.status, row.error_code) == (S.TIMED_OUT, ErrorCode.DEADLINE_EXCEEDED)
    assert Event.objects.filter(type="execution.timed_out").count() == 1


def test_wakes_somebody_for_what_nobody_was_woken_for():
    row = ExecutionFactory(woken_at=past())
    assert sweep_executions().woken == 1
    assert sweep_executions().woken == 0
    row.refresh_from_db()
    assert row.status == S.QUEUED


def test_leaves_alone_what_is_looked_after():
    ExecutionFactory()
    ExecutionFactory(running=True)
    ExecutionFactory(succeeded=True, deadline_at=past())
    before = list(Execution.objects.order_by("id").values())
    assert sweep_executions().total == 0
    assert list(Execution.objects.order_by("id").values()) == before
