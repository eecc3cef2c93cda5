"""The loop of a worker against a model that misbehaves: real threads, Redis and database."""

import datetime as dt
from collections.abc import Iterator

import pytest

from accounts import selectors as account_selectors
from accounts.tests.factories import UserFactory
from agents import selectors, services
from agents.choices import ErrorCode, ExecutionStatus
from agents.executor import Executor
from agents.models import Execution, ModelPrice, ModelProfile
from agents.tests.factories import AgentFactory, definition
from aiagents.common import clock
from aiagents.common.progress import ProgressType
from aiagents.testing.messages_server import ERRORS, Behaviour, MessagesServer
from aiagents.testing.waiting import wait_until
from analytics.models import Event

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
S = ExecutionStatus
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
    settings.HEARTBEAT_S = 0.3
    settings.POLL_S = 0.2
    settings.DRAIN_S = 0.2
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
def executor(model, tier) -> Iterator[Executor]:
    worker = Executor()
    worker.start()
    yield worker
    worker.drain()


@pytest.fixture
def start(executor):
    user = UserFactory()
    by = account_selectors.load_principal(user.id, now=clock.now())
    assert by is not None
    agent = AgentFactory()

    def begin(agent=agent):
        row = services.start_execution(
            slug=agent.slug,
            request=services.Request(inputs={"text": "1. The buyer pays."}),
            by=by,
            now=clock.now(),
        )
        executor.wake()
        return row

    return begin


def stop(row: Execution) -> None:
    by = account_selectors.load_principal(row.user_id, now=clock.now())
    assert by is not None
    services.cancel_execution(execution_id=str(row.id), by=by, now=clock.now())


def ended(row: Execution, timeout: float = 20) -> Execution:
    wait_until(lambda: Execution.objects.get(id=row.id).is_over, timeout)
    return Execution.objects.get(id=row.id)


def reach(row: Execution, status: str) -> None:
    wait_until(lambda: Execution.objects.get(id=row.id).status == status, 20)


def text_of(events) -> str:
    text = ""
    for event in events:
        if event.type is ProgressType.DELTA:
            text += event.data["text"]
        elif event.type is ProgressType.RESET:
            text = event.data["text"]
    return text


def check_story(row: Execution) -> None:
    """Numbers without gap, one `done` at the end, and the text as stored."""
    # `done` is told after the commit that made the run final.
    wait_until(
        lambda: (
            selectors.replay_progress(row.id, after=0)[-1].type is ProgressType.DONE
        ),
        5,
    )
    events = selectors.replay_progress(row.id, after=0)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [e.type for e in events].count(ProgressType.DONE) == 1
    assert events[-1].data["status"] == row.status
    assert text_of(events) == row.output
    finals = Event.objects.filter(aggregate_id=row.id).exclude(
        type__in=["execution.queued", "execution.started"]
    )
    assert [event.type for event in finals] == [f"execution.{row.status}"]


class TestGoodAnswers:
    def test_stores_text_figures_and_lineage(self, start, model):
        model.script(Behaviour(text="One two three.", events=3))
        row = ended(start())
        assert (row.status, row.output, row.stop_reason) == (
            S.SUCCEEDED, "One two three.", "end_turn",
        )  # fmt: skip
        assert (row.provider, row.model) == ("anthropic", "claude-sonnet-5-5")
        assert row.cost_usd > 0
        assert row.price_id
        assert len(row.prompt_digest) == 64
        assert row.started_at <= row.finished_at
        assert row.first_token_at is not None
        check_story(row)

    def test_cut_short_by_its_length_succeeds_and_says_so(self, start, model):
        model.script(Behaviour(max_tokens=True))
        row = ended(start())
        assert (row.status, row.stop_reason) == (S.SUCCEEDED, "max_tokens")

    def test_an_answer_that_breaks_its_schema_is_repaired_once(self, start, model):
        text = definition("verdict-giver") | {
            "output": {"format": "json", "json_schema": SCHEMA}
        }
        agent = AgentFactory(slug="verdict-giver", live__definition=text)
        model.script(Behaviour(text="I think so."))
        model.script(Behaviour(json='{"verdict": "yes"}'))
        row = ended(start(agent))
        assert (row.status, row.output_json) == (S.SUCCEEDED, {"verdict": "yes"})
        assert len(model.calls) == 2
        check_story(row)

    def test_a_second_bad_answer_fails_and_is_kept(self, start, model):
        text = definition("verdict-giver") | {
            "output": {"format": "json", "json_schema": SCHEMA}
        }
        agent = AgentFactory(slug="verdict-giver", live__definition=text)
        model.script(Behaviour(text="I think so."), times=2)
        row = ended(start(agent))
        assert (row.status, row.error_code) == (S.FAILED, ErrorCode.BAD_MODEL_OUTPUT)
        assert row.output == "I think so."
        assert len(model.calls) == 2


class TestBadAnswers:
    @pytest.mark.parametrize(
        ("behaviour", "code"),
        [
            (Behaviour(refuse=True), ErrorCode.LLM_REFUSED),
            (Behaviour(empty=True), ErrorCode.BAD_MODEL_OUTPUT),
            (Behaviour(tool_use="mail"), ErrorCode.BAD_MODEL_OUTPUT),
            (Behaviour(error=ERRORS["413"]), ErrorCode.INVALID_INPUT),
            (Behaviour(error=ERRORS["401"]), ErrorCode.LLM_ERROR),
            (Behaviour(error=ERRORS["404"]), ErrorCode.LLM_ERROR),
        ],
    )
    def test_what_is_final_fails_after_one_call(self, start, model, behaviour, code):
        model.script(behaviour)
        row = ended(start())
        assert (row.status, row.error_code, row.attempt) == (S.FAILED, code, 1)
        assert len(model.calls) == 1
        check_story(row)

    @pytest.mark.parametrize(
        "behaviour",
        [
            Behaviour(cut_after=3, events=8),
            Behaviour(error_event_after=3, events=8),
            Behaviour(error=ERRORS["500"]),
        ],
    )
    def test_what_may_pass_is_tried_again_and_told_anew(self, start, model, behaviour):
        model.script(behaviour)
        row = ended(start())
        assert (row.status, row.attempt, row.failures) == (S.SUCCEEDED, 2, 1)
        check_story(row)

    def test_silence_is_a_failure_that_may_pass(self, model, settings, request):
        settings.MODEL_IDLE_TIMEOUT_S = 2.0
        model.script(Behaviour(silence_after=2, events=8))
        row = ended(request.getfixturevalue("start")(), timeout=40)
        assert (row.status, row.failures >= 1) == (S.SUCCEEDED, True)
        check_story(row)

    def test_gives_up_at_the_limit_with_the_cause(self, start, model, settings):
        settings.MAX_FAILURES = 2
        model.default(Behaviour(error=ERRORS["529"]))
        row = ended(start())
        assert (row.status, row.error_code) == (S.FAILED, ErrorCode.ATTEMPTS_EXHAUSTED)
        assert row.error_cause == "llm_overloaded"
        assert len(model.calls) == 2


class TestStops:
    def test_a_cancel_closes_the_call_and_keeps_the_text(self, start, model):
        model.script(Behaviour(seconds=30, events=300))
        row = start()
        wait_until(lambda: text_of(selectors.replay_progress(row.id, after=0)), 10)
        stop(row)
        row = ended(row)
        assert row.status == S.CANCELLED
        assert row.output
        assert model.wait_for(lambda: model.open_streams == 0, timeout=5)
        check_story(row)

    def test_the_deadline_ends_a_long_call(self, start, model, settings):
        settings.EXECUTION_DEADLINE_S = 1
        model.script(Behaviour(seconds=30, events=300))
        row = ended(start())
        assert (row.status, row.error_code) == (
            S.TIMED_OUT,
            ErrorCode.DEADLINE_EXCEEDED,
        )
        assert model.wait_for(lambda: model.open_streams == 0, timeout=5)

    def test_a_drain_gives_back_without_counting(self, start, model, executor):
        model.script(Behaviour(seconds=30, events=300))
        row = start()
        reach(row, S.RUNNING)
        wait_until(lambda: model.open_streams == 1, 10)
        executor.drain()
        row.refresh_from_db()
        assert (row.status, row.attempt, row.failures) == (S.QUEUED, 1, 0)

    def test_work_that_was_taken_away_is_dropped(self, start, model):
        model.script(Behaviour(seconds=30, events=300))
        row = start()
        wait_until(lambda: model.open_streams == 1, 10)
        Execution.objects.filter(id=row.id).update(attempt=7, lease_owner="another")
        assert model.wait_for(
            lambda: any(call.outcome == "client_closed" for call in model.calls),
            timeout=10,
        )
        row.refresh_from_db()
        assert (row.status, row.attempt, row.output) == (S.RUNNING, 7, "")
