"""Claims, leases and the fence of every write."""

import datetime as dt
import random
import threading
import uuid
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.tests.factories import TeamFactory
from agents.choices import (
    TERMINAL,
    TRANSITIONS,
    ErrorCause,
    ErrorCode,
    ExecutionStatus,
)
from agents.models import Execution
from agents.runtime import Usage, errors
from agents.services import attempts
from agents.services.attempts import Outcome
from agents.services.claims import Claim, claim_executions
from agents.tests.factories import ExecutionFactory
from aiagents.common import clock
from analytics.models import Event

pytestmark = pytest.mark.django_db
S = ExecutionStatus
HOUR = dt.timedelta(hours=1)
OUTCOME = Outcome(
    text="Done.",
    stop_reason="end_turn",
    provider="anthropic",
    model="claude-sonnet-5-5",
    usage=Usage(input_tokens=10, output_tokens=5),
    cost_usd=Decimal("0.000070"),
)


def claim_one(owner: str = "w1") -> Claim:
    (claim,) = claim_executions(owner=owner, limit=1)
    return claim


def events_of(execution_id: uuid.UUID) -> list[str]:
    rows = Event.objects.filter(aggregate_id=execution_id).order_by("sequence")
    return list(rows.values_list("type", flat=True))


class TestClaim:
    def test_takes_a_due_execution_with_a_lease(self):
        row = ExecutionFactory()
        claim = claim_one()
        row.refresh_from_db()
        assert (row.status, row.attempt, row.lease_owner) == (S.RUNNING, 1, "w1")
        assert row.lease_until > clock.now()
        assert (claim.execution_id, claim.attempt) == (row.id, 1)
        assert 800 < claim.time_left_s <= 900
        assert events_of(row.id) == ["execution.started"]

    @pytest.mark.parametrize(
        "fields",
        [
            {"available_at": clock.now() + HOUR},
            {"deadline_at": clock.now() - HOUR},
            {"cancel_requested_at": clock.now()},
            {"running": True},
            {"succeeded": True},
        ],
    )
    def test_leaves_what_is_not_due(self, fields):
        ExecutionFactory(**fields)
        assert claim_executions(owner="w1", limit=5) == []

    def test_nobody_gets_it_twice(self):
        ExecutionFactory()
        assert len(claim_executions(owner="w1", limit=5)) == 1
        assert claim_executions(owner="w2", limit=5) == []

    def test_lanes_come_in_order_and_teams_in_turn(self):
        busy, quiet = TeamFactory(), TeamFactory()
        batch = ExecutionFactory(team=quiet, lane="batch")
        flood = [ExecutionFactory(team=busy) for _ in range(3)]
        single = ExecutionFactory(team=quiet)
        claims = claim_executions(owner="w1", limit=3)
        order = [claim.execution_id for claim in claims]
        assert order == [flood[0].id, single.id, flood[1].id]
        assert batch.id not in order

    def test_a_team_at_its_cap_waits(self, settings):
        settings.TEAM_MAX_RUNNING = 2
        team = TeamFactory()
        for _ in range(4):
            ExecutionFactory(team=team)
        other = ExecutionFactory()
        claimed = claim_executions(owner="w1", limit=10)
        assert len(claimed) == 3
        assert other.id in {claim.execution_id for claim in claimed}
        assert claim_executions(owner="w1", limit=10) == []

    def test_a_suspended_agent_fails_instead(self):
        row = ExecutionFactory()
        row.agent.suspended_at = clock.now()
        row.agent.save()
        assert claim_executions(owner="w1", limit=1) == []
        row.refresh_from_db()
        assert (row.status, row.error_code) == (S.FAILED, ErrorCode.AGENT_SUSPENDED)
        assert events_of(row.id) == ["execution.failed"]


class TestSuspects:
    """Runs whose worker was lost: one of them may have been why."""

    @pytest.fixture(autouse=True)
    def _five_failures(self, settings):
        settings.MAX_FAILURES = 5

    def lost(self, count: int, *, failures: int) -> list[Execution]:
        return [
            ExecutionFactory(failures=failures, wait_reason=ErrorCause.WORKER_LOST)
            for _ in range(count)
        ]

    @pytest.mark.parametrize(
        ("failures", "together"), [(4, 1), (3, 4), (2, 16), (1, 20)]
    )
    def test_the_fewer_attempts_left_the_smaller_the_company(self, failures, together):
        self.lost(20, failures=failures)
        assert len(claim_executions(owner="w1", limit=50)) == together

    def test_a_last_attempt_waits_until_no_other_suspect_is_held(self):
        self.lost(1, failures=4)
        assert claim_executions(owner="w1", limit=5, companies=[64]) == []
        (claim,) = claim_executions(owner="w1", limit=5)
        assert claim.company == 1

    def test_they_do_not_hold_up_the_others(self):
        self.lost(10, failures=4)
        fresh = [ExecutionFactory() for _ in range(3)]
        claims = claim_executions(owner="w1", limit=3, companies=[1])
        assert [c.execution_id for c in claims] == [row.id for row in fresh]
        assert {c.company for c in claims} == {0}

    def test_failures_of_the_model_make_no_suspect(self):
        for _ in range(3):
            ExecutionFactory(failures=4, wait_reason=ErrorCause.LLM_ERROR)
        assert len(claim_executions(owner="w1", limit=5)) == 3


class TestFence:
    """A write under an attempt that is not held any more changes nothing."""

    @pytest.fixture
    def late(self) -> Claim:
        ExecutionFactory()
        claim = claim_one("w1")
        held = Execution.objects.filter(id=claim.execution_id)
        held.update(status=S.QUEUED, lease_until=None, lease_owner="")
        claim_one("w2")
        return claim

    def test_success(self, late):
        assert not attempts.succeed([(late, OUTCOME)])

    def test_failure(self, late):
        assert (
            attempts.fail(late, errors.failed("x"), OUTCOME, rng=random.Random(1)) == ""
        )

    def test_time_out(self, late):
        assert not attempts.time_out(late, OUTCOME)

    def test_release(self, late):
        assert not attempts.release(late)

    def test_cancel(self, late):
        assert not attempts.confirm_cancel(late, OUTCOME)

    def test_heartbeat(self, late):
        assert attempts.renew_leases(owner="w1", ids=[late.execution_id]) == {}
        assert attempts.renew_leases(owner="w2", ids=[late.execution_id]) == {
            late.execution_id: 2
        }

    @pytest.fixture(autouse=True)
    def _nothing_changed(self, late):
        yield
        row = Execution.objects.get(id=late.execution_id)
        assert (row.status, row.attempt, row.output) == (S.RUNNING, 2, "")


class TestEnd:
    def test_success_stores_everything_once(self):
        ExecutionFactory()
        claim = claim_one()
        assert attempts.succeed([(claim, OUTCOME)])
        assert not attempts.succeed([(claim, OUTCOME)])
        row = Execution.objects.get(id=claim.execution_id)
        assert (row.status, row.output, row.input_tokens) == (S.SUCCEEDED, "Done.", 10)
        assert row.cost_usd == Decimal("0.000070")
        assert row.finished_at is not None
        assert row.lease_until is None
        assert events_of(row.id) == ["execution.started", "execution.succeeded"]

    def test_an_accepted_cancel_wins_over_a_completion(self):
        ExecutionFactory()
        claim = claim_one()
        Execution.objects.filter(id=claim.execution_id).update(
            cancel_requested_at=clock.now()
        )
        assert not attempts.succeed([(claim, OUTCOME)])
        assert attempts.confirm_cancel(claim, OUTCOME)
        row = Execution.objects.get(id=claim.execution_id)
        assert (row.status, row.output) == (S.CANCELLED, "Done.")

    def test_a_passing_failure_queues_another_attempt_and_adds_what_was_used(self):
        ExecutionFactory()
        claim = claim_one()
        status = attempts.fail(claim, errors.failed("x"), OUTCOME, rng=random.Random(1))
        row = Execution.objects.get(id=claim.execution_id)
        assert (status, row.status, row.failures, row.attempt) == (
            S.QUEUED,
            S.QUEUED,
            1,
            1,
        )
        assert row.wait_reason == "llm_error"
        assert row.output == ""
        Execution.objects.update(available_at=clock.now() - HOUR)
        assert attempts.succeed([(claim_one(), OUTCOME)])
        row.refresh_from_db()
        assert (row.input_tokens, row.attempt) == (20, 2)
        assert row.cost_usd == Decimal("0.000140")

    def test_the_last_failure_ends_it_with_the_cause(self, settings):
        ExecutionFactory(failures=settings.MAX_FAILURES - 1)
        claim = claim_one()
        status = attempts.fail(
            claim, errors.overloaded("x"), OUTCOME, rng=random.Random(1)
        )
        row = Execution.objects.get(id=claim.execution_id)
        assert (status, row.error_code) == (S.FAILED, ErrorCode.ATTEMPTS_EXHAUSTED)
        assert row.error_cause == "llm_overloaded"

    def test_a_rate_limit_does_not_count(self, settings):
        ExecutionFactory(failures=settings.MAX_FAILURES - 1)
        claim = claim_one()
        error = errors.asked_to_wait("x", retry_after_s=60)
        assert attempts.fail(claim, error, OUTCOME, rng=random.Random(1)) == S.QUEUED
        row = Execution.objects.get(id=claim.execution_id)
        assert row.failures == settings.MAX_FAILURES - 1
        assert row.available_at > clock.now() + dt.timedelta(seconds=50)

    def test_release_gives_it_back_without_counting(self):
        ExecutionFactory()
        claim = claim_one()
        assert attempts.release(claim)
        row = Execution.objects.get(id=claim.execution_id)
        assert (row.status, row.failures, row.attempt) == (S.QUEUED, 0, 1)
        assert claim_one().attempt == 2


class TestStates:
    @pytest.mark.parametrize("status", list(ExecutionStatus))
    def test_a_final_status_leads_nowhere(self, status):
        assert (TRANSITIONS[status] == frozenset()) == (status in TERMINAL)

    def test_only_a_claim_gives_a_lease(self):
        leads_to_running = {
            s for s, targets in TRANSITIONS.items() if S.RUNNING in targets
        }
        assert leads_to_running == {S.QUEUED}

    @pytest.mark.parametrize(
        "fields", [{"finished_at": None}, {"lease_until": clock.now() + HOUR}]
    )
    def test_the_database_keeps_status_and_moments_together(self, fields):
        row = ExecutionFactory(succeeded=True)
        with pytest.raises(IntegrityError), transaction.atomic():
            Execution.objects.filter(id=row.id).update(**fields)

    @pytest.mark.skipif(
        connection.vendor != "postgresql", reason="a trigger of PostgreSQL"
    )
    def test_postgresql_refuses_to_change_a_final_status(self):
        row = ExecutionFactory(succeeded=True)
        with pytest.raises(IntegrityError, match="final"), transaction.atomic():
            Execution.objects.filter(id=row.id).update(
                status=S.QUEUED, finished_at=None
            )


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_parallel_workers_share_without_doubles(self):
        for _ in range(30):
            ExecutionFactory()
        claimed: list[uuid.UUID] = []
        barrier = threading.Barrier(4)

        def work(owner: str) -> None:
            barrier.wait()
            try:
                while found := claim_executions(owner=owner, limit=3):
                    claimed.extend(claim.execution_id for claim in found)
            finally:
                connection.close()

        threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # A worker that met only locked rows stops early; the rest is claimed later.
        claimed += [c.execution_id for c in claim_executions(owner="last", limit=50)]
        assert len(claimed) == len(set(claimed)) == 30
        assert set(Execution.objects.values_list("attempt", flat=True)) == {1}
