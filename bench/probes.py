"""Policy and search: figures of single calls, taken in a process with our code."""

import json
import subprocess
import sys
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from bench.figures import Figure, percentile
from bench.results import Results, tell
from bench.stack import Stack, stack


def measure(
    parts: Sequence[str], *, server_url: str, template: str, results: Results
) -> None:
    """Those of `policy` and `search` that are in `parts`."""
    with stack(server_url, template=template) as made:
        if "policy" in parts:
            tell("policy decisions")
            results.add("policy", policy_figures(_inside(made, "policy")))
        if "search" in parts:
            tell("search and catalogue pages")
            told = _inside(made, "search")
            results.add("search", search_figures(told), _detail(told))


def policy_figures(told: dict[str, Any]) -> list[Figure]:
    """Of the wall times of single decisions."""
    times = told["decision_ms"]
    return [
        Figure(
            part="policy: one decision in the process",
            name=name,
            value=percentile(times, share),
            unit="ms",
            at_most=most,
        )
        for name, share, most in (("P50", 0.5, None), ("P99", 0.99, 1.0))
    ]


def search_figures(told: dict[str, Any]) -> list[Figure]:
    """Of matches, pages and the routing queries."""
    part = f"search: {told['agents']:,} agents in {told['topics']} topics"
    matches = told["match_ms"]
    figures = [
        Figure(part=part, name="index built", value=told["index_ms"], unit="ms"),
        Figure(part=part, name="match, P50", value=percentile(matches, 0.5), unit="ms"),
        Figure(
            part=part,
            name="match, P95",
            value=percentile(matches, 0.95),
            unit="ms",
            at_most=50,
        ),
    ]
    for address, page in told["pages"].items():
        note = f"{page['queries']} queries"
        figures.append(
            Figure(
                part=part,
                name=f"CPU of {address}",
                value=fmean(page["cpu_ms"]),
                unit="ms",
                at_most=30,
                note=note,
            )
        )
    for name, score in told["scores"].items():
        figures += _routing_figures(name, score, total=told["queries"]["all"])
    return figures


def _routing_figures(name: str, score: dict[str, Any], *, total: int) -> list[Figure]:
    part = (
        f"routing, {name}: {score['count']} of {total} queries whose topic has an agent"
    )
    aims = (
        ("topic recall@5", "recall", 0.75),
        ("topic MRR@10", "reciprocal_rank", 0.60),
        ("category in top 3", "category", 0.85),
        ("category in top 3, any right one", "category_or_also", None),
        ("agent hit@5", "agent_hit", None),
    )
    return [
        Figure(part=part, name=label, value=score[key], unit="", at_least=least)
        for label, key, least in aims
    ]


def _detail(told: dict[str, Any]) -> dict[str, Any]:
    kept = ("agents", "topics", "queries", "scores")
    return {key: told[key] for key in kept}


def _inside(made: Stack, part: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.inside", part],
        # A line of log for each page would be printed between the figures.
        env=made.env | {"LOG_LEVEL": "WARNING"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured
