"""In which order are the agents that somebody asked for listed?"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from agents import selectors as agent_selectors
from agents.models import Agent
from marketplace.search.match import find

RELEVANCE = "relevance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody asked the list for; empty means no wish."""

    words: str = ""
    category: str = ""
    topic: str = ""
    tag: str = ""
    tier: str = ""
    risk: str = ""
    #: RELEVANCE or one of `agents.selectors.ORDERINGS`; without words relevance is by name.
    ordering: str = ""


def list_slugs(wanted: Wanted) -> Sequence[str] | QuerySet[Agent, str]:
    """The slugs of all listed agents that fit, in the order asked for."""
    found = find(wanted.words) if wanted.words else None
    rows = agent_selectors.list_agents(
        category=wanted.category,
        topic=wanted.topic,
        tag=wanted.tag,
        tier=wanted.tier,
        risk=wanted.risk,
        slugs=found,
    )
    ordering = wanted.ordering or RELEVANCE
    if ordering == RELEVANCE and found is not None:
        fitting = set(rows.values_list("slug", flat=True))
        return [slug for slug in found if slug in fitting]
    if ordering == RELEVANCE:
        ordering = "name"
    return agent_selectors.ordered_slugs(rows, ordering=ordering)
