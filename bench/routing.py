"""How well is the right agent found? Recall and rank over sentences of people.

A query's answer is a topic (with its category). The ranked agents are turned into their
topics, each kept once, in order. Queries whose topic has no agent yet cannot be answered and
are left out; how many is told.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

QUERIES = Path(__file__).parent / "routing_queries.jsonl"
ENGLISH = "en"
RECALL_TOPICS, RANK_TOPICS, FIRST_CATEGORIES = 5, 10, 3

#: Category and topic.
Place = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A task as somebody wrote it, and where its answer is."""

    text: str
    place: Place
    language: str
    #: Other categories that would be right too.
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Shares from 0 to 1 over some queries."""

    count: int
    #: The right topic is among the first five.
    recall: float
    #: An agent of the right topic is among the first five agents, which is what people see.
    agent_hit: float
    #: Mean of 1/rank of the right topic; 0 beyond ten.
    reciprocal_rank: float
    #: The right category is among the first three different ones.
    category: float
    #: The same, where any of the right ones counts.
    category_or_also: float


def read_queries(path: Path = QUERIES) -> list[Query]:
    """The queries of a JSON lines file."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
    return [
        Query(
            text=row["query"],
            place=(row["category"], row["topic"]),
            language=row["lang"],
            also=tuple(row.get("alt", ())),
        )
        for row in rows
    ]


def answerable(queries: Iterable[Query], places: Mapping[str, Place]) -> list[Query]:
    """Those whose topic has at least one agent; `places` by slug."""
    filled = set(places.values())
    return [query for query in queries if query.place in filled]


def score(
    queries: Sequence[Query],
    rank: Callable[[str], Sequence[str]],
    places: Mapping[str, Place],
) -> Score | None:
    """Judge `rank`, which answers slugs for a text, best first; None without queries."""
    if not queries:
        return None
    judged = [_judge(query, [places[s] for s in rank(query.text)]) for query in queries]
    means = [mean(values) for values in zip(*judged, strict=True)]
    return Score(
        count=len(queries),
        recall=means[0],
        agent_hit=means[1],
        reciprocal_rank=means[2],
        category=means[3],
        category_or_also=means[4],
    )


def _judge(query: Query, got: Sequence[Place]) -> tuple[float, ...]:
    topics = list(dict.fromkeys(got))
    first = list(dict.fromkeys(category for category, _ in got))[:FIRST_CATEGORIES]
    place = topics.index(query.place) + 1 if query.place in topics else 0
    right = {query.place[0], *query.also}
    return (
        float(0 < place <= RECALL_TOPICS),
        float(query.place in got[:RECALL_TOPICS]),
        1 / place if 0 < place <= RANK_TOPICS else 0.0,
        float(query.place[0] in first),
        float(bool(right & set(first))),
    )
