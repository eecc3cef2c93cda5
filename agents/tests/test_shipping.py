"""Batches at the provider's batch service, against a server that speaks it."""

import datetime as dt
from collections.abc import Iterator

import pytest

from agents import services
from agents.choices import (
    BatchMode,
    BatchStatus,
    ErrorCode,
    ExecutionStatus,
    PauseReason,
    ShipmentStatus,
)
from agents.executor import Shipper
from agents.models import Execution, ModelPrice, ModelProfile, Shipment
from agents.runtime.values import Usage
from agents.services import shipments
from agents.tests.factories import AgentFactory, definition
from aiagents.common import clock
from aiagents.testing.messages_server import ERRORS, Behaviour, MessagesServer
from aiagents.testing.messages_server import write_fault as fault
from analytics.models import Event

pytestmark = pytest.mark.django_db
S, B = ExecutionStatus, BatchStatus
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["verdict"],
    "properties": {"verdict": {"type": "string"}},
}


@pytest.fixture(scope="module")
def running_model() -> Iterator[MessagesServer]:
    with MessagesServer() as server:
        yield server


@pytest.fixture
def model(running_model: MessagesServer, settings) -> MessagesServer:
    running_model.reset()
    settings.ANTHROPIC_BASE_URL = running_model.base_url
    settings.ANTHROPIC_API_KEYS = ("key-1",)
    settings.BATCH_POLL_S = 0
    return running_model


@pytest.fixture
def tier(db) -> ModelProfile:
    ModelPrice.objects.create(
        model_id="claude-sonnet-5-5",
        valid_from=clock.now() - dt.timedelta(days=1),
        input_usd=2,
        output_usd=10,
        cache_read_usd="0.2",
        cache_write_usd="2.5",
    )
    return ModelProfile.objects.create(
        tier="standard",
        model_id="claude-sonnet-5-5",
        capabilities=["effort", "json_schema"],
    )


@pytest.fixture
def agent(tier):
    return AgentFactory()


@pytest.fixture
def shipper(model, tier) -> Iterator[Shipper]:
    made = Shipper()
    yield made
    made.close()


@pytest.fixture
def create(owner, agent, model):
    def make(*texts, agent=agent):
        request = services.BatchRequest(
            slug=agent.slug,
            source=[{"text": f"The buyer pays. {text}"} for text in texts],
            mode=BatchMode.PROVIDER_BATCH,
        )
        return services.create_batch(
            request=request, by=owner.principal, now=clock.now()
        )

    return make


@pytest.fixture
def step_by_step(monkeypatch):
    """One step a look."""
    monkeypatch.setattr("agents.executor.shipping.LOOKS", 1)


@pytest.fixture
def at_once(monkeypatch):
    """No waiting before a failed row is sent once more."""
    monkeypatch.setattr("agents.runtime.retry.BASE_S", 0.0)


def feed():
    for key in services.batches_to_feed():
        services.feed_batch(key, now=clock.now())


def finish(batch, shipper, looks=10):
    """Look until the batch is over."""
    for _ in range(looks):
        shipper.look()
        feed()
        batch.refresh_from_db()
        if batch.is_over:
            return batch
    raise AssertionError(batch.status)


def runs(batch):
    return list(Execution.objects.filter(batch=batch).order_by("batch_item__position"))


def names(row):
    rows = Event.objects.filter(aggregate_id=row.id).order_by("sequence")
    return list(rows.values_list("type", flat=True))


class TestWay:
    def test_rows_wait_are_sent_and_end_at_half_the_price(self, create, shipper, model):
        batch = finish(create("[[marker:a]]", "[[marker:b]]"), shipper)
        assert (batch.status, batch.succeeded_count) == (B.FINISHED, 2)
        first, second = runs(batch)
        assert "The buyer pays." in first.output
        assert "marked a" in first.output
        assert "marked b" in second.output
        assert (first.status, first.provider, first.attempt) == (
            S.SUCCEEDED, "anthropic", 1,
        )  # fmt: skip
        usage = Usage(
            input_tokens=first.input_tokens, output_tokens=first.output_tokens
        )
        full = usage.input_tokens * 2 + usage.output_tokens * 10
        assert float(first.cost_usd) == pytest.approx(full / 2e6, abs=1e-6)
        assert batch.cost_usd == first.cost_usd + second.cost_usd
        assert first.price_id
        assert len(first.prompt_digest) == 64
        assert names(first) == [
            "execution.queued", "execution.started", "execution.succeeded",
        ]  # fmt: skip
        assert len(model.calls) == 2

    def test_the_providers_id_is_stored_before_anybody_asks(
        self, create, shipper, model, step_by_step
    ):
        batch = create("x")
        shipper.look()
        shipment = Shipment.objects.get()
        assert shipment.status == ShipmentStatus.SENT
        assert shipment.provider_id.startswith("msgbatch_")
        [row] = runs(batch)
        assert (row.status, row.wait_reason) == (S.WAITING, "provider_batch")
        assert row.started_at is not None

    def test_another_process_goes_on_after_each_step(
        self, create, model, tier, step_by_step
    ):
        batch = create("x", "y")
        for _ in range(10):
            shipper = Shipper()
            shipper.look()
            shipper.close()
            feed()
            batch.refresh_from_db()
        assert (batch.status, batch.succeeded_count) == (B.FINISHED, 2)
        assert len(model.calls) == 2
        assert Shipment.objects.get().status == ShipmentStatus.CLOSED

    def test_results_are_committed_once(self, create, shipper, monkeypatch):
        batch = create("x", "y")
        monkeypatch.setattr("agents.services.shipments.close", lambda *_, **__: None)
        for _ in range(3):
            Shipment.objects.update(due_at=clock.now())
            shipper.look()
        for row in runs(batch):
            assert names(row)[-1] == "execution.succeeded"
            assert names(row).count("execution.succeeded") == 1
            assert float(row.cost_usd) > 0
        feed()
        batch.refresh_from_db()
        assert batch.cost_usd == sum(row.cost_usd for row in runs(batch))

    def test_many_rows_go_in_several_shipments(self, create, shipper, monkeypatch):
        monkeypatch.setattr("agents.services.shipments.MAX_ROWS", 2)
        batch = finish(create(*"abcde"), shipper)
        assert batch.succeeded_count == 5
        assert sorted(s.row_count for s in Shipment.objects.all()) == [1, 2, 2]

    def test_a_shipment_has_a_size(self, create, shipper, monkeypatch):
        monkeypatch.setattr("agents.services.shipments.MAX_BYTES", 50)
        finish(create("x", "y"), shipper)
        assert Shipment.objects.count() == 2

    def test_only_so_many_are_open_at_once(self, create, shipper, monkeypatch):
        monkeypatch.setattr("agents.services.shipments.MAX_ROWS", 1)
        monkeypatch.setattr("agents.services.shipments.MAX_OPEN", 1)
        monkeypatch.setattr("agents.executor.shipping.LOOKS", 1)
        create("x", "y")
        shipper.look()
        shipper.look()
        assert Shipment.objects.count() == 1


class TestRows:
    @pytest.mark.parametrize(
        ("behaviour", "status", "code"),
        [
            (Behaviour(refuse=True), S.FAILED, ErrorCode.LLM_REFUSED),
            (Behaviour(empty=True), S.FAILED, ErrorCode.BAD_MODEL_OUTPUT),
            (Behaviour(max_tokens=True), S.SUCCEEDED, ""),
            (Behaviour(error=ERRORS["400"]), S.FAILED, ErrorCode.LLM_ERROR),
            (Behaviour(error=ERRORS["413"]), S.FAILED, ErrorCode.INVALID_INPUT),
        ],
    )
    def test_each_end_is_sorted_like_a_streamed_one(
        self, create, shipper, behaviour, status, code
    ):
        batch = finish(create(fault(behaviour), "good"), shipper)
        bad, good = runs(batch)
        assert (bad.status, bad.error_code) == (status, code)
        assert good.status == S.SUCCEEDED

    @pytest.mark.parametrize("name", ["500", "529"])
    def test_a_passing_fault_is_sent_once_more(
        self, create, shipper, model, name, at_once
    ):
        behaviour = Behaviour(error=ERRORS[name])
        batch = finish(create(fault(behaviour, times=2), "good"), shipper)
        again, good = runs(batch)
        assert (again.status, again.failures, again.attempt) == (S.SUCCEEDED, 2, 3)
        assert (good.status, good.attempt) == (S.SUCCEEDED, 1)
        assert batch.succeeded_count == 2
        assert names(again).count("execution.succeeded") == 1

    def test_a_lasting_fault_uses_the_attempts_up(
        self, create, shipper, settings, at_once
    ):
        settings.MAX_FAILURES = 2
        behaviour = Behaviour(error=ERRORS["529"])
        [row] = runs(finish(create(fault(behaviour)), shipper))
        assert (row.status, row.error_code, row.error_cause) == (
            S.FAILED, ErrorCode.ATTEMPTS_EXHAUSTED, "llm_overloaded",
        )  # fmt: skip

    def test_a_schema_is_held(self, create, shipper, model):
        text = definition("json-agent") | {
            "output": {"format": "json", "json_schema": SCHEMA}
        }
        agent = AgentFactory(slug="json-agent", live__definition=text)
        model.script(Behaviour(json='{"verdict": "fine"}'), match="good")
        model.script(Behaviour(text="no JSON"), match="bad")
        first, second = runs(finish(create("good", "bad", agent=agent), shipper))
        assert first.output_json == {"verdict": "fine"}
        assert (second.status, second.error_code) == (
            S.FAILED, ErrorCode.BAD_MODEL_OUTPUT,
        )  # fmt: skip
        assert second.output == "no JSON"

    def test_what_the_provider_did_not_reach_has_timed_out(
        self, create, shipper, monkeypatch
    ):
        from agents.runtime.providers import batches as provider

        monkeypatch.setattr(provider, "_answer", lambda _: provider.Expired())
        [row] = runs(finish(create("x"), shipper))
        assert (row.status, row.error_code) == (
            S.TIMED_OUT, ErrorCode.DEADLINE_EXCEEDED,
        )  # fmt: skip
        assert row.cost_usd == 0

    def test_a_row_without_a_result_is_sent_once_more(
        self, create, shipper, monkeypatch, at_once
    ):
        from agents.executor import shipping

        known, calls = shipping._known, []

        def forget_first(results):
            calls.append(1)
            return known(results[1:] if len(calls) == 1 else results)

        monkeypatch.setattr(shipping, "_known", forget_first)
        batch = finish(create("x", "y"), shipper)
        assert batch.succeeded_count == 2
        assert sorted(row.attempt for row in runs(batch)) == [1, 2]


class TestControl:
    def test_a_paused_one_is_not_sent(self, create, shipper, owner, step_by_step):
        batch = create("x")
        services.pause_batch(batch_id=str(batch.id), by=owner.principal)
        shipper.look()
        assert not Shipment.objects.exists()
        services.resume_batch(batch_id=str(batch.id), by=owner.principal)
        assert finish(batch, shipper).succeeded_count == 1

    def test_a_cancel_reaches_the_provider(self, create, shipper, owner, step_by_step):
        batch = create("x", "y")
        shipper.look()
        services.cancel_batch(batch_id=str(batch.id), by=owner.principal)
        finish(batch, shipper)
        assert (batch.status, batch.cancelled_count) == (B.CANCELLED, 2)
        assert Shipment.objects.get().cancel_sent_at is not None
        assert {row.status for row in runs(batch)} == {S.CANCELLED}

    def test_a_cancel_before_it_was_sent_sends_nothing(
        self, create, shipper, model, owner, settings
    ):
        batch = create("x")
        shipments.prepare_shipment(batch.id, now=clock.now())
        services.cancel_batch(batch_id=str(batch.id), by=owner.principal)
        finish(batch, shipper)
        assert (batch.status, batch.cancelled_count) == (B.CANCELLED, 1)
        assert not model.calls

    def test_one_row_may_be_cancelled_and_its_late_result_is_refused(
        self, create, shipper, owner, step_by_step
    ):
        batch = create("x", "y")
        shipper.look()
        first, _ = runs(batch)
        services.cancel_execution(
            execution_id=str(first.id), by=owner.principal, now=clock.now()
        )
        finish(batch, shipper)
        assert [row.status for row in runs(batch)] == [S.CANCELLED, S.SUCCEEDED]
        assert (batch.cancelled_count, batch.succeeded_count) == (1, 1)
        assert names(first)[-1] == "execution.cancelled"


class TestTrouble:
    def test_a_service_that_is_away_is_tried_again(
        self, create, model, settings, step_by_step
    ):
        batch = create("x")
        with MessagesServer() as server:
            settings.ANTHROPIC_BASE_URL = server.base_url
            shipper = Shipper()
            server.stop()
            shipper.look()
            shipment = Shipment.objects.get()
            assert (shipment.status, shipment.failures) == (ShipmentStatus.PREPARED, 1)
            server.start()
            Shipment.objects.update(due_at=clock.now())
            assert finish(batch, shipper).succeeded_count == 1
            shipper.close()

    def test_a_refused_key_pauses_and_fails_nothing(
        self, create, tier, settings, owner
    ):
        settings.ANTHROPIC_API_KEYS = ()
        batch = create("x")
        shipper = Shipper()
        shipper._service._clients.clear()
        shipper.look()
        batch.refresh_from_db()
        assert (batch.status, batch.pause_reason) == (
            B.PAUSED, PauseReason.PROVIDER_REFUSED,
        )  # fmt: skip
        assert [row.status for row in runs(batch)] == [S.WAITING]
        shipper.close()
        settings.ANTHROPIC_API_KEYS = ("key-2",)
        services.resume_batch(batch_id=str(batch.id), by=owner.principal)
        other = Shipper()
        assert finish(batch, other).succeeded_count == 1
        other.close()

    def test_a_batch_that_the_provider_lost_fails_its_rows(
        self, create, shipper, model, step_by_step
    ):
        batch = create("x")
        shipper.look()
        model.reset()
        [row] = runs(finish(batch, shipper))
        assert (row.status, row.error_code) == (S.FAILED, ErrorCode.LLM_ERROR)
        assert "no longer knows" in row.error_message

    def test_results_of_a_key_that_is_gone_wait_for_it(
        self, create, shipper, settings, step_by_step
    ):
        batch = create("x")
        shipper.look()
        settings.ANTHROPIC_API_KEYS = ("key-2",)
        other = Shipper()
        other.look()
        other.close()
        assert Shipment.objects.get().status == ShipmentStatus.SENT
        assert finish(batch, shipper).succeeded_count == 1

    def test_a_demo_model_that_came_later_pauses_it(
        self, create, shipper, settings, owner
    ):
        batch = create("x")
        settings.DEMO_MODEL_URL = "http://127.0.0.1:1"
        shipper.look()
        batch.refresh_from_db()
        assert batch.pause_reason == PauseReason.PROVIDER_REFUSED
        assert "demo model" in batch.pause_detail

    def test_a_shipment_is_held_by_one_process(self, create, shipper):
        batch = create("x")
        shipments.prepare_shipment(batch.id, now=clock.now())
        assert shipments.take_due()
        assert shipments.take_due() is None


def test_there_is_nothing_to_look_after_without_such_a_batch(create, shipper):
    assert not services.has_provider_work()
    batch = create("x")
    assert services.has_provider_work()
    finish(batch, shipper)
    assert not services.has_provider_work()
