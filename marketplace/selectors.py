"""What the marketplace's pages read: the filtered catalogue, favourites, suggestions."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson
from django.core.paginator import Page, Paginator
from django.db.models import Count, QuerySet

from accounts import selectors as account_selectors
from agents import selectors as agent_selectors
from agents.choices import Risk, Tier
from agents.models import Agent, AgentVersion, Category, Topic
from agents.selectors import Figures
from aiagents.common.principals import Principal
from marketplace import search
from marketplace.models import Favourite

PAGE_SIZE = 24
#: As in the API; relevance only where words were given.
ORDERINGS = {
    "relevance": "Relevance",
    "name": "Name",
    "-runs": "Most used",
    "-quality": "Quality",
    "cost": "Cost",
    "-published_at": "Newest",
}
MAX_PAGE = 10_000
#: How many agents are looked at to find some of different categories.
SUGGESTION_POOL = 400


def export_files(by: Principal) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Everything the platform keeps of a person, as pairs of file name and content.

    Runs are a line of JSON each; all else is small and a file each.
    """
    records = account_selectors.own_records(by)
    records["ratings"] = agent_selectors.own_feedback(by)
    kept = Favourite.objects.filter(user_id=by.user_id).order_by("id")
    records["favourites"] = list(kept.values("agent__slug", "created_at"))
    for name, rows in records.items():
        yield f"{name}.json", [_json(rows, indent=True)]
    runs = agent_selectors.iterate_own_runs(by)
    yield "runs.jsonl", (_json(run) + b"\n" for run in runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueQuery:
    """What a visitor asked the catalogue for; empty means no wish."""

    words: str = ""
    category: str = ""
    topic: str = ""
    tag: str = ""
    tier: str = ""
    risk: str = ""
    ordering: str = "name"
    page: int = 1

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the page was asked for."""
        return any(
            (self.words, self.category, self.topic, self.tag, self.tier, self.risk)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetValue:
    """One value of a facet and how many agents it would leave."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An agent as a card shows it."""

    agent: Agent
    figures: Figures
    is_favourite: bool = False
    #: Why it was picked for a task.
    reasons: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """One page of the catalogue."""

    page: Page[str]
    cards: tuple[Card, ...]
    categories: tuple[FacetValue, ...]
    topics: tuple[FacetValue, ...]
    risks: tuple[FacetValue, ...]
    tiers: tuple[FacetValue, ...]

    @property
    def count(self) -> int:
        """How many agents fit."""
        return self.page.paginator.count


def list_catalogue(query: CatalogueQuery, *, by: Principal | None) -> Catalogue:
    """The agents that fit, and what each further wish would leave."""
    found = search.find(query.words) if query.words else None
    slugs = _ordered(query, found)
    page = Paginator(slugs, PAGE_SIZE).get_page(min(query.page, MAX_PAGE))
    return Catalogue(
        page=page,
        cards=_cards(list(page.object_list), by=by),
        categories=_category_facet(query, found),
        topics=_topic_facet(query, found),
        risks=_choice_facet(query, found, "risk", Risk.choices),
        tiers=_choice_facet(query, found, "tier", Tier.choices),
    )


def list_picks(
    task: str, *, category: str = "", limit: int, by: Principal | None
) -> tuple[Card, ...]:
    """The best agents for a task, each with its reasons."""
    matches = {m.slug: m for m in search.match(task, category=category, limit=limit)}
    cards = _cards(list(matches), by=by)
    return tuple(replace(c, reasons=matches[c.agent.slug].reasons) for c in cards)


def list_favourites(*, by: Principal, limit: int) -> tuple[Card, ...]:
    """The agents a person keeps, the latest first."""
    kept = Favourite.objects.filter(
        user_id=by.user_id, agent__live_version__isnull=False
    )
    slugs = kept.order_by("-created_at", "-id").values_list("agent__slug", flat=True)
    return _cards(list(slugs[:limit]), by=by)


def list_suggestions(*, by: Principal, limit: int) -> tuple[Card, ...]:
    """Agents to begin with: low risk, not suspended, of different categories."""
    rows = agent_selectors.list_agents(risk=Risk.LOW).filter(suspended_at=None)
    pairs = rows.order_by("category__position", "name", "id")
    by_category: dict[uuid.UUID, str] = {}
    for category, slug in pairs.values_list("category_id", "slug")[:SUGGESTION_POOL]:
        by_category.setdefault(category, slug)
    return _cards(list(by_category.values())[:limit], by=by)


def is_favourite(agent: Agent, *, by: Principal | None) -> bool:
    """Whether the person keeps the agent."""
    return agent.id in _favourite_ids([agent.id], by=by)


def list_public_versions(agent: Agent) -> QuerySet[AgentVersion]:
    """The versions that were published, newest first."""
    rows = AgentVersion.objects.filter(agent=agent).runnable().defer("definition")
    return rows.select_related("author", "approver").order_by("-number")


def _cards(slugs: Sequence[str], *, by: Principal | None) -> tuple[Card, ...]:
    """Cards in the order of `slugs`; definitions are large and stay where they are."""
    rows = Agent.objects.listed().filter(slug__in=slugs)
    rows = rows.select_related("category", "topic")
    agents = {
        row.slug: row for row in rows.defer("category__domain", "topic__glossary")
    }
    ids = [agent.id for agent in agents.values()]
    figures = agent_selectors.figures_of(ids)
    kept = _favourite_ids(ids, by=by)
    return tuple(
        Card(agent=agent, figures=figures[agent.id], is_favourite=agent.id in kept)
        for agent in (agents[slug] for slug in slugs if slug in agents)
    )


def _favourite_ids(
    ids: Sequence[uuid.UUID], *, by: Principal | None
) -> frozenset[uuid.UUID]:
    if by is None:
        return frozenset()
    rows = Favourite.objects.filter(user_id=by.user_id, agent_id__in=ids)
    return frozenset(rows.values_list("agent_id", flat=True))


def _narrowed(query: CatalogueQuery, found: Sequence[str] | None) -> QuerySet[Agent]:
    return agent_selectors.list_agents(
        category=query.category,
        topic=query.topic,
        tag=query.tag,
        tier=query.tier,
        risk=query.risk,
        slugs=found,
    )


def _ordered(
    query: CatalogueQuery, found: Sequence[str] | None
) -> Sequence[str] | QuerySet[Agent, str]:
    rows = _narrowed(query, found)
    if query.ordering != "relevance":
        return agent_selectors.ordered_slugs(rows, ordering=query.ordering)
    fitting = set(rows.values_list("slug", flat=True))
    return [slug for slug in found or () if slug in fitting]


# --- What each further wish would leave -----------------------------------------------------
def _category_facet(
    query: CatalogueQuery, found: Sequence[str] | None
) -> tuple[FacetValue, ...]:
    wider = replace(query, category="", topic="")
    rows = Category.objects.order_by("name").values_list("slug", "name")
    return _facet(rows, _counts(wider, found, "category__slug"), query.category)


def _topic_facet(
    query: CatalogueQuery, found: Sequence[str] | None
) -> tuple[FacetValue, ...]:
    """The topics of the chosen category."""
    if not query.category:
        return ()
    rows = Topic.objects.filter(category__slug=query.category).order_by(
        "position", "id"
    )
    counts = _counts(replace(query, topic=""), found, "topic__slug")
    return _facet(rows.values_list("slug", "name"), counts, query.topic)


def _choice_facet(
    query: CatalogueQuery,
    found: Sequence[str] | None,
    name: str,
    choices: Iterable[tuple[str, str]],
) -> tuple[FacetValue, ...]:
    wider = replace(query, risk="") if name == "risk" else replace(query, tier="")
    counts = _counts(wider, found, name)
    return _facet(choices, counts, getattr(query, name))


def _facet(
    pairs: Iterable[tuple[str, str]], counts: Mapping[str, int], chosen: str
) -> tuple[FacetValue, ...]:
    values = (
        FacetValue(value=v, label=label, count=counts.get(v, 0)) for v, label in pairs
    )
    return tuple(value for value in values if value.count or value.value == chosen)


def _counts(
    query: CatalogueQuery, found: Sequence[str] | None, path: str
) -> dict[str, int]:
    rows = _narrowed(query, found).values_list(path)
    return dict(rows.annotate(count=Count("id")))


def _json(value: object, *, indent: bool = False) -> bytes:
    option = orjson.OPT_INDENT_2 if indent else 0
    return orjson.dumps(value, default=str, option=option)
