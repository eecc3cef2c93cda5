"""Batches: created whole or not at all, fed a bounded number ahead, ended once."""

import pytest
from django.db.models import F

from accounts.models import ApiKey
from agents import selectors, services
from agents.choices import (
    BATCH_OVER,
    BATCH_TRANSITIONS,
    BatchMode,
    BatchStatus,
    ExecutionStatus,
    ItemState,
    PauseReason,
)
from agents.errors import (
    AgentQueueFull,
    AlreadyCancelled,
    BadRows,
    BatchNotFound,
    BatchOver,
    TeamQueueFull,
)
from agents.models import Agent, Batch, Execution
from agents.services import attempts, claims
from agents.services.attempts import Outcome
from agents.tests.factories import AgentFactory, BatchFactory, ExecutionFactory
from aiagents.common import clock
from aiagents.common.errors import Conflict, InvalidInput, NotAllowed
from analytics.models import Event

pytestmark = pytest.mark.django_db
B, S = BatchStatus, ExecutionStatus
GOOD = {"text": "1. The buyer pays."}


@pytest.fixture
def agent():
    return AgentFactory()


@pytest.fixture
def create(owner, agent):
    def make(rows=(GOOD, GOOD, GOOD), by=None, **fields):
        request = services.BatchRequest(slug=agent.slug, source=rows, **fields)
        by = by or owner.principal
        return services.create_batch(request=request, by=by, now=clock.now())

    return make


def feed():
    reports = (
        services.feed_batch(key, now=clock.now()) for key in services.batches_to_feed()
    )
    return sum(reports, services.FeedReport())


def work(count=100, text="Done."):
    """Claim what is due and end it well; returns how many."""
    taken = claims.claim_executions(owner="w", limit=count)
    outcome = Outcome(text=text, provider="anthropic")
    attempts.succeed([(claim, outcome) for claim in taken])
    return len(taken)


def progress(batch):
    batch.refresh_from_db()
    return selectors.progress_of([batch])[batch.id]


def events(batch):
    rows = Event.objects.filter(aggregate_id=batch.id).order_by("sequence")
    return list(rows.values_list("type", flat=True))


class TestCreate:
    def test_stores_the_rows_and_starts_none(self, create, owner):
        batch = create(name=" Contracts of May ")
        assert (batch.status, batch.row_count, batch.name) == (
            B.RUNNING, 3, "Contracts of May",
        )  # fmt: skip
        assert batch.team_id == owner.principal.team_id
        assert batch.policy_decision is not None
        assert list(batch.items.values_list("position", "line", "state")) == [
            (n, n, ItemState.PENDING) for n in (1, 2, 3)
        ]
        assert not Execution.objects.exists()
        assert events(batch) == ["batch.created"]

    def test_a_bad_row_stops_everything_and_is_named(self, create):
        with pytest.raises(BadRows) as caught:
            create([GOOD, {"text": ""}, {"wrong": 1}])
        assert caught.value.extra["bad_row_count"] == 2
        assert caught.value.extra["row_count"] == 3
        named = [(b["line"], b["field"]) for b in caught.value.extra["bad_rows"]]
        assert named == [(2, "text"), (3, "wrong"), (3, "text")]
        assert not Batch.objects.exists()

    def test_bad_rows_may_be_skipped(self, create):
        batch = create([GOOD, {"text": ""}, GOOD], skip_bad_rows=True)
        assert (batch.row_count, batch.skipped_count) == (2, 1)
        assert batch.skipped == [
            {"line": 2, "field": "text", "reason": "This field must not be blank."}
        ]
        assert list(batch.items.values_list("position", "line")) == [(1, 1), (2, 3)]

    def test_a_file_without_a_good_row_cannot_be_skipped(self, create):
        with pytest.raises(BadRows):
            create([{}], skip_bad_rows=True)

    @pytest.mark.parametrize("throttle", [0, -1, 10**6])
    def test_the_throttle_has_bounds(self, create, throttle):
        with pytest.raises(InvalidInput, match="max_in_flight"):
            create(max_in_flight=throttle)

    def test_the_demo_model_has_no_batch_service(self, create, settings):
        settings.DEMO_MODEL_URL = "http://127.0.0.1:1"
        with pytest.raises(InvalidInput, match="demo model") as caught:
            create(mode=BatchMode.PROVIDER_BATCH)
        assert "mode" in caught.value.errors
        create()

    def test_the_policy_decides(self, create, agent):
        Agent.objects.filter(id=agent.id).update(risk="high")
        with pytest.raises(NotAllowed):
            create()

    def test_a_team_has_so_many_at_once(self, create, settings, colleague):
        settings.TEAM_MAX_BATCHES = 2
        create()
        first = create()
        with pytest.raises(TeamQueueFull, match="cancel one"):
            create()
        create(by=colleague.principal)
        Batch.objects.filter(id=first.id).update(
            status=B.FINISHED, finished_at=clock.now()
        )
        create()


class TestFeed:
    def test_starts_no_more_rows_than_may_be_under_way(self, create):
        batch = create([GOOD] * 7, max_in_flight=3)
        assert feed().started == 3
        assert feed().is_empty
        runs = Execution.objects.filter(batch=batch)
        assert set(runs.values_list("status", "lane")) == {("queued", "batch")}
        assert runs.filter(batch_item__id=F("id")).count() == 3

    def test_goes_on_as_rows_end_until_all_are_counted(self, create):
        batch = create([GOOD] * 5, max_in_flight=2)
        rounds = 0
        while not Batch.objects.get(id=batch.id).is_over:
            feed()
            work()
            rounds += 1
            assert rounds < 10
        batch.refresh_from_db()
        assert (batch.status, batch.succeeded_count) == (B.FINISHED, 5)
        assert Execution.objects.filter(batch=batch, status=S.SUCCEEDED).count() == 5
        assert events(batch) == ["batch.created", "batch.finished"]
        assert feed().is_empty

    def test_a_changed_throttle_holds_from_the_next_look(self, create, owner):
        batch = create([GOOD] * 5, max_in_flight=1)
        feed()
        services.change_batch(
            batch_id=str(batch.id), by=owner.principal, max_in_flight=4
        )
        assert feed().started == 3

    def test_progress_counts_what_is_under_way(self, create):
        batch = create([GOOD] * 4, max_in_flight=3)
        feed()
        work(1)
        before = progress(batch)
        assert (before.pending, before.queued, before.succeeded) == (1, 2, 1)
        assert (before.done, before.percent) == (1, 25)
        feed()
        assert progress(batch).succeeded == 1
        assert progress(batch).queued == 3

    def test_each_end_has_its_figure(self, create):
        batch = create([GOOD] * 4)
        feed()
        ends = ["succeeded", "failed", "cancelled", "timed_out"]
        for row, status in zip(Execution.objects.all(), ends, strict=True):
            Execution.objects.filter(id=row.id).update(
                status=status, finished_at=clock.now(), cost_usd="0.5"
            )
        assert progress(batch).cost_usd == 2
        feed()
        batch.refresh_from_db()
        counts = [getattr(batch, f"{status}_count") for status in ends]
        assert (counts, batch.cost_usd, batch.status) == ([1, 1, 1, 1], 2, B.FINISHED)

    def test_waits_while_the_queue_of_the_team_is_full(self, create, settings):
        create([GOOD] * 5)
        settings.TEAM_MAX_QUEUED = 2
        assert feed().started == 2
        assert feed().started == 0

    def test_a_suspended_agent_pauses_it(self, create, agent):
        batch = create()
        Agent.objects.filter(id=agent.id).update(suspended_at=clock.now())
        assert feed().started == 0
        batch.refresh_from_db()
        assert (batch.status, batch.pause_reason) == (
            B.PAUSED, PauseReason.AGENT_SUSPENDED,
        )  # fmt: skip
        assert events(batch) == ["batch.created", "batch.paused"]

    def test_a_person_without_access_pauses_it(self, create, owner):
        batch = create()
        owner.user.is_active = False
        owner.user.save()
        feed()
        batch.refresh_from_db()
        assert batch.pause_reason == PauseReason.REQUESTER_GONE
        assert not Execution.objects.exists()

    def test_a_revoked_key_pauses_it(self, create, api_key):
        batch = create(by=api_key.principal)
        assert batch.api_key_id == api_key.principal.api_key_id
        ApiKey.objects.update(revoked_at=clock.now())
        feed()
        batch.refresh_from_db()
        assert batch.pause_reason == PauseReason.REQUESTER_GONE

    def test_a_lost_role_pauses_it(self, create, agent):
        batch = create()
        Agent.objects.filter(id=agent.id).update(risk="high")
        feed()
        batch.refresh_from_db()
        assert batch.pause_reason == PauseReason.POLICY_DENIED
        assert "high risk" in batch.pause_detail


class TestPauseAndResume:
    def test_a_paused_one_starts_nothing_and_goes_on_when_resumed(self, create, owner):
        batch = create([GOOD] * 4, max_in_flight=2)
        feed()
        by = owner.principal
        services.pause_batch(batch_id=str(batch.id), by=by)
        work()
        assert feed().started == 0
        services.resume_batch(batch_id=str(batch.id), by=by)
        assert feed().started == 2
        assert events(batch) == ["batch.created", "batch.paused", "batch.resumed"]

    def test_the_last_row_ends_a_paused_one(self, create, owner):
        batch = create([GOOD])
        feed()
        services.pause_batch(batch_id=str(batch.id), by=owner.principal)
        work()
        feed()
        batch.refresh_from_db()
        assert (batch.status, batch.pause_reason) == (B.FINISHED, "")

    def test_the_wrong_moment_is_a_conflict(self, create, owner):
        batch = create()
        asked = {"batch_id": str(batch.id), "by": owner.principal}
        with pytest.raises(Conflict):
            services.resume_batch(**asked)
        services.pause_batch(**asked)
        with pytest.raises(Conflict):
            services.pause_batch(**asked)

    def test_resuming_asks_the_policy_again(self, create, owner, agent):
        batch = create()
        services.pause_batch(batch_id=str(batch.id), by=owner.principal)
        Agent.objects.filter(id=agent.id).update(suspended_at=clock.now())
        with pytest.raises(NotAllowed):
            services.resume_batch(batch_id=str(batch.id), by=owner.principal)


class TestCancel:
    def test_what_never_began_ends_it_at_once(self, create, owner):
        batch = create()
        services.cancel_batch(batch_id=str(batch.id), by=owner.principal)
        batch.refresh_from_db()
        assert (batch.status, batch.cancelled_count) == (B.CANCELLED, 3)
        assert set(batch.items.values_list("state", flat=True)) == {ItemState.DROPPED}
        assert events(batch) == ["batch.created", "batch.cancelled"]

    def test_what_is_under_way_is_stopped_and_what_ended_stays(self, create, owner):
        batch = create([GOOD] * 5, max_in_flight=3)
        feed()
        work(1)
        [running] = claims.claim_executions(owner="w", limit=1)
        services.cancel_batch(batch_id=str(batch.id), by=owner.principal)
        batch.refresh_from_db()
        assert batch.status == B.CANCELLING
        assert feed().stopped == 2
        assert attempts.confirm_cancel(running, Outcome(text="Partial"))
        feed()
        batch.refresh_from_db()
        assert (batch.status, batch.succeeded_count, batch.cancelled_count) == (
            B.CANCELLED, 1, 4,
        )  # fmt: skip

    def test_twice_is_a_conflict(self, create, owner):
        batch = create()
        feed()
        asked = {"batch_id": str(batch.id), "by": owner.principal}
        services.cancel_batch(**asked)
        with pytest.raises(AlreadyCancelled):
            services.cancel_batch(**asked)
        feed()
        feed()
        with pytest.raises(BatchOver):
            services.cancel_batch(**asked)
        with pytest.raises(BatchOver):
            services.pause_batch(**asked)
        with pytest.raises(BatchOver):
            services.change_batch(**asked, max_in_flight=1)


def test_a_foreign_batch_is_a_missing_one(create, stranger):
    asked = {"batch_id": str(create().id), "by": stranger.principal}
    for action in (
        services.pause_batch,
        services.resume_batch,
        services.cancel_batch,
    ):
        with pytest.raises(BatchNotFound):
            action(**asked)
    with pytest.raises(BatchNotFound):
        services.change_batch(**asked, max_in_flight=1)
    with pytest.raises(BatchNotFound):
        selectors.get_batch("x", by=stranger.principal)


def test_the_end_of_a_batch_is_final():
    assert {s for s, t in BATCH_TRANSITIONS.items() if not t} == BATCH_OVER
    assert set(BATCH_TRANSITIONS) == set(BatchStatus)


def test_results_are_read_in_the_order_of_the_file(monkeypatch):
    monkeypatch.setattr("agents.selectors.batches.CHUNK", 2)
    batch = BatchFactory(row_count=5)
    BatchFactory()
    chunks = [[i.position for i in chunk] for chunk in selectors.iterate_results(batch)]
    assert chunks == [[1, 2], [3, 4], [5]]


def test_progress_of_many_takes_one_query(django_assert_num_queries):
    batches = [BatchFactory() for _ in range(3)]
    with django_assert_num_queries(1):
        found = selectors.progress_of(batches)
    assert [found[batch.id].pending for batch in batches] == [3, 3, 3]


class TestQueueCap:
    @pytest.fixture
    def start(self, owner, agent):
        def begin():
            return services.start_execution(
                slug=agent.slug,
                request=services.Request(inputs=GOOD),
                by=owner.principal,
                now=clock.now(),
            )

        return begin

    def test_a_team_may_queue_so_many(self, start, settings, owner):
        settings.TEAM_MAX_QUEUED = 2
        ExecutionFactory()
        start()
        first = start()
        with pytest.raises(TeamQueueFull, match="POST /batches") as caught:
            start()
        assert caught.value.retry_after_s > 0
        with pytest.raises(Conflict):
            services.retry_execution(
                execution_id=str(first.id), by=owner.principal, now=clock.now()
            )
        claims.claim_executions(owner="w", limit=10)
        start()

    def test_an_agent_may_have_so_many_waiting_over_all_teams(
        self, start, settings, agent
    ):
        settings.AGENT_MAX_QUEUED = 1
        ExecutionFactory(running=True, agent=agent)
        ExecutionFactory()
        start()
        with pytest.raises(AgentQueueFull, match=agent.slug):
            start()

    def test_the_count_is_shared_for_a_while(self, settings, django_assert_num_queries):
        before = selectors.queued_counts()
        ExecutionFactory()
        settings.QUEUE_FRESH_S = 3600.0
        with django_assert_num_queries(0):
            assert selectors.queued_counts() is before


class TestErase:
    def test_a_batch_that_goes_on_is_a_conflict(self, create, owner):
        create()
        team_id = owner.principal.team_id
        with pytest.raises(Conflict, match="batch"):
            services.erase_runs(team_id=team_id, by=owner.principal)

    def test_rows_runs_and_batch_go_together(self, create, owner):
        batch = create()
        feed()
        work()
        feed()
        kept = BatchFactory()
        services.erase_runs(team_id=owner.principal.team_id, by=owner.principal)
        assert list(Batch.objects.all()) == [kept]
        assert not Execution.objects.exists()
        assert not batch.items.exists()
        assert kept.items.count() == 3
