"""`python -m bench.inside PART`: what needs our code in the same process; prints JSON.

Runs with the environment of a stack, so that database and Redis are its own.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import django

DECISIONS = 20_000
RANKED = 50
PAGES = 60
MATCH_ROUNDS = 4


def policy() -> dict[str, Any]:
    """Wall times of in-process decisions, in ms."""
    from accounts import permissions
    from aiagents.common import ids
    from aiagents.common.principals import Principal

    by = Principal(
        user_id=ids.new_id(),
        username="bench",
        team_id=ids.new_id(),
        team_ids=(),
        roles=frozenset({"agent_operator"}),
    )

    def decide() -> None:
        decision = permissions.decide_run(
            principal=by,
            agent_slug="an-agent",
            category="finance_legal",
            risk="high",
            lane="interactive",
            is_suspended=False,
        )
        assert decision.allowed  # noqa: S101 - what is measured must be what is meant

    decide()
    return {
        "decision_ms": [_timed(decide, time.perf_counter) for _ in range(DECISIONS)]
    }


def search() -> dict[str, Any]:
    """Times of matches and pages in ms, and how well the right topic is found."""
    from agents.models import Agent
    from bench import routing
    from marketplace.search import match

    began = time.perf_counter()
    match("build the index")
    index_ms = (time.perf_counter() - began) * 1000
    rows = Agent.objects.listed().values_list("slug", "category__slug", "topic__slug")
    places = {slug: (category, topic) for slug, category, topic in rows}
    every = routing.read_queries()
    queries = routing.answerable(every, places)
    english = [query for query in queries if query.language == routing.ENGLISH]

    def rank(text: str) -> list[str]:
        return [found.slug for found in match(text, limit=RANKED)]

    scores = {
        name: routing.score(part, rank, places)
        for name, part in (("all", queries), ("english", english))
    }
    texts = [query.text for query in every]
    return {
        "agents": len(places),
        "topics": len(set(places.values())),
        "queries": {"all": len(every), "answerable": len(queries)},
        "index_ms": index_ms,
        "match_ms": [
            _timed(lambda text=text: match(text), time.perf_counter)  # type: ignore[misc]
            for _ in range(MATCH_ROUNDS)
            for text in texts
        ],
        "scores": {name: asdict(found) for name, found in scores.items() if found},
        "pages": _pages(places),
    }


def _pages(places: dict[str, Any]) -> dict[str, Any]:
    """CPU ms and queries of filtered catalogue pages, by their address."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    categories = [category for category, _ in places.values()]
    largest = max(set(categories), key=categories.count)
    client, told = Client(headers={"host": "localhost"}), {}
    for address in (
        f"/?category={largest}&risk=low",
        f"/api/v1/agents?category={largest}&risk=low&page_size=24",
        "/api/v1/agents?q=contract%20review&page_size=24",
    ):

        def get(address: str = address) -> None:
            answer = client.get(address)
            assert answer.status_code == 200, answer.content  # noqa: S101

        get()
        with CaptureQueriesContext(connection) as queries:
            get()
        # Now: the next request empties the list.
        count = len(queries)
        cpu_ms = [_timed(get, time.thread_time) for _ in range(PAGES)]
        told[address] = {"cpu_ms": cpu_ms, "queries": count}
    return told


def _timed(work: Callable[[], Any], clock: Callable[[], float]) -> float:
    began = clock()
    work()
    return (clock() - began) * 1000


if __name__ == "__main__":
    django.setup()
    measured = {"policy": policy, "search": search}[sys.argv[1]]()
    print(json.dumps(measured))
