"""Rows of agents, minimal and valid; states as traits."""

import datetime as dt
import hashlib

import factory

from accounts.tests.factories import TeamFactory, UserFactory
from agents.choices import ErrorCode, ExecutionStatus, Risk, Tier, VersionStatus
from agents.models import (
    Agent,
    AgentVersion,
    Batch,
    BatchItem,
    Category,
    EvalResult,
    EvalRun,
    Execution,
    Topic,
)
from aiagents.common import clock

SECOND = dt.timedelta(seconds=1)


def definition(slug):
    """A definition as in agent.schema.json."""
    return {
        "slug": slug,
        "name": "Contract Reader",
        "purpose": "Read a contract and list what is worth arguing about.",
        "deliverable": "A list of clauses with a proposal for each.",
        "description": "For people who get a contract and have a day to answer.",
        "tags": ["contract", "clause", "review"],
        "risk": "low",
        "inputs": [
            {
                "key": "text",
                "label": "Text of the contract",
                "type": "text",
                "required": True,
            },
            {"key": "side", "label": "Your side", "type": "string", "required": False},
        ],
        "role": "a careful reader",
        "method": [
            "Read every clause.",
            "Compare title with duties.",
            "Rank the clauses.",
        ],
        "standards": [],
        "ask_when_missing": "Ask for the text.",
        "output": {"format": "markdown", "sections": ["Clauses"], "max_words": 300},
        "checks": ["Every clause is quoted."],
        "never": ["Say that a clause is void."],
        "samples": [
            {
                "title": "Short contract",
                "input": {"text": "1. The buyer pays.", "side": "buyer"},
                "checks": [{"kind": "contains", "value": "buyer"}],
            }
        ],
        "model": {"tier": "standard"},
    }


class CategoryFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Category
        django_get_or_create = ("slug",)

    slug = "finance_legal"
    name = "Finance and Legal"
    purpose = "Work with contracts and money."


class TopicFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Topic
        django_get_or_create = ("category", "slug")

    category = factory.SubFactory(CategoryFactory)
    slug = "contracts"
    name = "Contracts"
    scope = "Reading contracts."


class AgentFactory(factory.django.DjangoModelFactory):
    """An agent with one published version, which is live."""

    class Meta:
        model = Agent
        skip_postgeneration_save = True

    slug = factory.Sequence(lambda n: f"contract-reader-{n}")
    topic = factory.SubFactory(TopicFactory)
    category = factory.SelfAttribute("topic.category")
    name = "Contract Reader"
    purpose = "Read a contract and list what is worth arguing about."
    deliverable = "A list of clauses with a proposal for each."
    description = "For people who get a contract and have a day to answer."
    tags = ["contract", "clause", "review"]
    risk = Risk.LOW
    tier = Tier.STANDARD
    created_at = factory.LazyFunction(lambda: clock.now())

    @factory.post_generation
    def live(self, create, extracted, **kwargs):
        """`live=False` leaves it without a version."""
        if create and extracted is not False:
            self.live_version = AgentVersionFactory(agent=self, **kwargs)
            self.published_at = self.live_version.published_at
            self.save()


class AgentVersionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = AgentVersion

    agent = factory.SubFactory(AgentFactory)
    number = 1
    status = VersionStatus.PUBLISHED
    definition = factory.LazyAttribute(lambda version: definition(version.agent.slug))
    digest = factory.LazyAttribute(
        lambda version: hashlib.sha256(repr(version.definition).encode()).hexdigest()
    )
    created_at = factory.LazyFunction(lambda: clock.now())
    published_at = factory.SelfAttribute("created_at")


class ExecutionFactory(factory.django.DjangoModelFactory):
    """A queued execution; other states by trait."""

    class Meta:
        model = Execution

    team = factory.SubFactory(TeamFactory)
    user = factory.SubFactory(UserFactory)
    agent = factory.SubFactory(AgentFactory)
    version = factory.SelfAttribute("agent.live_version")
    inputs = factory.LazyFunction(
        lambda: {"text": "1. The buyer pays.", "side": "buyer"}
    )
    created_at = factory.LazyFunction(lambda: clock.now())
    available_at = factory.SelfAttribute("created_at")
    woken_at = factory.SelfAttribute("created_at")
    deadline_at = factory.LazyAttribute(lambda run: run.created_at + 900 * SECOND)

    class Params:
        begun = factory.Trait(
            attempt=1,
            started_at=factory.LazyAttribute(lambda run: run.created_at + SECOND),
        )
        running = factory.Trait(
            begun=True,
            status=ExecutionStatus.RUNNING,
            lease_owner="worker",
            lease_until=factory.LazyFunction(lambda: clock.now() + 30 * SECOND),
        )
        over = factory.Trait(
            begun=True,
            provider="anthropic",
            model="claude-sonnet-5-5",
            input_tokens=1234,
            output_tokens=321,
            cost_usd="0.005678",
            finished_at=factory.LazyAttribute(lambda run: run.created_at + 9 * SECOND),
        )
        succeeded = factory.Trait(
            over=True,
            status=ExecutionStatus.SUCCEEDED,
            output="## Clauses\n\n1. **Payment** is due.\n",
            stop_reason="end_turn",
        )
        failed = factory.Trait(
            over=True,
            status=ExecutionStatus.FAILED,
            error_code=ErrorCode.LLM_REFUSED,
            error_message="The model declined to answer.",
        )
        cancelled = factory.Trait(over=True, status=ExecutionStatus.CANCELLED)
        timed_out = factory.Trait(
            over=True,
            status=ExecutionStatus.TIMED_OUT,
            error_code=ErrorCode.DEADLINE_EXCEEDED,
            error_message="The time allowed for this run is over.",
        )


class BatchFactory(factory.django.DjangoModelFactory):
    """A running batch of `rows` rows that nobody has looked at yet."""

    class Meta:
        model = Batch
        skip_postgeneration_save = True

    team = factory.SubFactory(TeamFactory)
    user = factory.SubFactory(UserFactory)
    agent = factory.SubFactory(AgentFactory)
    version = factory.SelfAttribute("agent.live_version")
    max_in_flight = 20
    row_count = 3
    created_at = factory.LazyFunction(lambda: clock.now())

    @factory.post_generation
    def rows(self, create, extracted, **kwargs):
        """`rows=[…]` are the inputs of its rows; by default as many as `row_count`."""
        texts = [{"text": f"{n}. The buyer pays."} for n in range(self.row_count)]
        given = texts if extracted is None else extracted
        for position, inputs in enumerate(given, start=1):
            BatchItem.objects.create(
                batch=self, position=position, line=position + 1, inputs=inputs
            )


class EvalRunFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = EvalRun

    provider = "anthropic"
    planned_count = 1
    started_at = factory.LazyFunction(lambda: clock.now())
    finished_at = factory.SelfAttribute("started_at")


class EvalResultFactory(factory.django.DjangoModelFactory):
    """One check passed, one failed."""

    class Meta:
        model = EvalResult

    run = factory.SubFactory(EvalRunFactory)
    version = factory.LazyAttribute(lambda _: AgentFactory().live_version)
    sample_title = "Short contract"
    sample_digest = factory.Sequence(lambda n: f"{n:064d}")
    prompt_digest = "a" * 64
    answer_digest = "b" * 64
    provider = factory.SelfAttribute("run.provider")
    model = "claude-sonnet-5-5"
    checks = [
        {"kind": "contains", "rule": "buyer", "passed": True, "reason": "found"},
        {"kind": "contains", "rule": "<b>", "passed": False, "reason": "not found"},
    ]
    passed_count = 1
    failed_count = 1
    unjudged_count = 0
    cost_usd = 0
    duration_ms = 1200
    created_at = factory.LazyFunction(lambda: clock.now())
