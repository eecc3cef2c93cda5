"""What does the catalogue offer? Lists, one agent in full, and what a search reads."""

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Max, OrderBy, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.db.models.lookups import Contains

from agents.catalogue import forms
from agents.catalogue.definition import Definition
from agents.models import Agent, AgentVersion, Category, Topic
from agents.permissions import can_curate
from agents.querysets import AgentQuerySet
from agents.runtime.prompt import assemble_system
from agents.selectors.figures import Figures, figures_of
from agents.selectors.running import get_listed_agent, prompt_blocks
from aiagents.common.principals import Principal

#: How lists may be ordered, apart from a search's own order; the name decides what is equal.
ORDERINGS: Mapping[str, F | OrderBy] = {
    "name": F("name"),
    "-runs": F("figures__runs").desc(nulls_last=True),
    "-quality": F("figures__quality").desc(nulls_last=True),
    "cost": F("figures__median_cost_usd").asc(nulls_last=True),
    "-published_at": F("published_at").desc(nulls_last=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRow:
    """A topic and how many agents it lists."""

    slug: str
    name: str
    agent_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRow:
    """A category, its topics and how many agents they list."""

    slug: str
    name: str
    description: str
    agent_count: int
    topics: tuple[TopicRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """An agent as a list shows it."""

    slug: str
    name: str
    category: str
    category_name: str
    topic: str
    topic_name: str
    purpose: str
    deliverable: str
    tags: tuple[str, ...]
    tier: str
    risk: str
    #: The number of the version that runs.
    version: int
    is_suspended: bool
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDetail:
    """An agent in full."""

    row: AgentRow
    definition: Definition
    #: The definition as in `agent.schema.json`.
    data: Mapping[str, Any]
    #: The form as JSON Schema 2020-12.
    input_schema: Mapping[str, Any]
    #: Published and deprecated ones, newest first.
    versions: tuple[AgentVersion, ...]
    #: For curators only.
    system_prompt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchDocument:
    """What a search may find an agent by."""

    slug: str
    category: str
    is_suspended: bool
    #: Text by field: name purpose deliverable tags samples glossary topic description method
    #: category.
    fields: Mapping[str, str]


def list_categories() -> list[CategoryRow]:
    """Every category in its order, with counts of listed agents."""
    listed = Count("agents", filter=Q(agents__live_version__isnull=False))
    topics: dict[uuid.UUID, list[TopicRow]] = {}
    for topic in Topic.objects.annotate(count=listed).order_by("position", "slug"):
        row = TopicRow(slug=topic.slug, name=topic.name, agent_count=topic.count)
        topics.setdefault(topic.category_id, []).append(row)
    return [
        CategoryRow(
            slug=category.slug,
            name=category.name,
            description=category.purpose,
            agent_count=sum(topic.agent_count for topic in topics.get(category.id, ())),
            topics=tuple(topics.get(category.id, ())),
        )
        for category in Category.objects.order_by("position", "slug")
    ]


def list_agents(
    *,
    category: str = "",
    topic: str = "",
    tag: str = "",
    tier: str = "",
    risk: str = "",
    slugs: Collection[str] | None = None,
) -> AgentQuerySet:
    """Listed agents that fit what is given, in no order; `slugs` narrows them to a search."""
    wanted = {
        "category__slug": category,
        "topic__slug": topic,
        "tier": tier,
        "risk": risk,
    }
    rows = Agent.objects.listed().filter(**{k: v for k, v in wanted.items() if v})
    if tag:
        # JSON lists cannot be asked for an element on SQLite; no tag holds a quote.
        rows = rows.filter(Contains(Cast("tags", TextField()), f'"{tag}"'))
    return rows if slugs is None else rows.filter(slug__in=slugs)


def ordered_slugs(rows: QuerySet[Agent], *, ordering: str) -> QuerySet[Agent, str]:
    """The slugs of `rows` in one of ORDERINGS; what was not measured comes last."""
    return rows.order_by(ORDERINGS[ordering], "name", "id").values_list(
        "slug", flat=True
    )


def agent_rows(slugs: Sequence[str]) -> list[AgentRow]:
    """The rows of these listed agents in the order of `slugs`, in two queries."""
    agents = Agent.objects.listed().filter(slug__in=slugs)
    found = {
        agent.slug: agent
        for agent in agents.select_related("category", "topic", "live_version").defer(
            "live_version__definition", "category__domain", "topic__glossary"
        )
    }
    figures = figures_of([agent.id for agent in found.values()])
    return [
        _row(found[slug], figures[found[slug].id]) for slug in slugs if slug in found
    ]


def get_agent_detail(slug: str, *, by: Principal | None) -> AgentDetail:
    """One listed agent in full, with its prompt where `by` curates. Raises AgentNotFound."""
    agent = get_listed_agent(slug)
    live = agent.live_version
    assert live is not None  # noqa: S101 - a listed agent has one
    definition = Definition.from_dict(live.definition)
    versions = AgentVersion.objects.filter(agent=agent).runnable().defer("definition")
    prompt = _system_prompt(agent, definition) if can_curate(by) else None
    return AgentDetail(
        row=_row(agent, figures_of([agent.id])[agent.id]),
        definition=definition,
        data=live.definition,
        input_schema=forms.input_schema(definition.inputs),
        versions=tuple(versions.order_by("-number")),
        system_prompt=prompt,
    )


def _system_prompt(agent: Agent, definition: Definition) -> str:
    blocks = prompt_blocks()
    return assemble_system(definition, domain=agent.category.domain, blocks=blocks)


def _row(agent: Agent, figures: Figures) -> AgentRow:
    live = agent.live_version
    return AgentRow(
        slug=agent.slug,
        name=agent.name,
        category=agent.category.slug,
        category_name=agent.category.name,
        topic=agent.topic.slug,
        topic_name=agent.topic.name,
        purpose=agent.purpose,
        deliverable=agent.deliverable,
        tags=tuple(agent.tags),
        tier=agent.tier,
        risk=agent.risk,
        version=live.number if live else 0,
        is_suspended=agent.is_suspended,
        figures=figures,
    )


def catalogue_stamp() -> str:
    """A text that changes whenever a search could find something else."""
    figures = Agent.objects.listed().aggregate(
        count=Count("id"), newest=Max("published_at"), suspended=Count("suspended_at")
    )
    return f"{figures['count']} {figures['newest']} {figures['suspended']}"


def iterate_search_documents() -> Iterator[SearchDocument]:
    """Every listed agent as a search reads it."""
    rows = Agent.objects.listed().select_related("category", "topic", "live_version")
    for agent in rows.order_by("slug").iterator(chunk_size=200):
        if agent.live_version is not None:
            yield _document(agent, Definition.from_dict(agent.live_version.definition))


def _document(agent: Agent, definition: Definition) -> SearchDocument:
    labels = [field.label for field in definition.inputs]
    return SearchDocument(
        slug=agent.slug,
        category=agent.category.slug,
        is_suspended=agent.is_suspended,
        fields={
            "name": definition.name,
            "purpose": definition.purpose,
            "deliverable": definition.deliverable,
            "tags": ", ".join(tag.replace("-", " ") for tag in definition.tags),
            "topic": f"{agent.topic.name}: {agent.topic.scope}",
            "samples": ". ".join(sample.title for sample in definition.samples),
            "glossary": ", ".join(agent.topic.glossary),
            "description": definition.description,
            "method": " ".join([*definition.method, *labels]),
            "category": f"{agent.category.name}: {agent.category.purpose}",
        },
    )
