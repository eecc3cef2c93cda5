"""What was promised against what became of it: the invariants of every crash test.

Acknowledged ids, terminal rows, completion events and the model's own count of calls are kept
by different processes; a lost or doubled execution shows as a difference between them.
"""

import itertools
import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2
import psycopg

from aiagents.testing.messages_server import Behaviour, write_fault
from aiagents.testing.platform import Platform
from aiagents.testing.waiting import wait_until

FINAL = {"succeeded", "failed", "cancelled", "timed_out"}
POSTERS = 8
#: Often enough to see a final row change, seldom enough not to slow what is watched.
LOOK_S = 0.2


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Starts executions of one agent and checks that each promise was kept once."""

    platform: Platform
    client: httpx2.Client
    slug: str
    inputs: dict[str, Any]
    text_key: str
    acknowledged: list[str] = field(default_factory=list)
    #: Answers other than 202; 0 stands for none at all.
    refused: Counter[int] = field(default_factory=Counter)
    #: The number of each accepted id; its calls are marked `m-<number>`.
    numbers: dict[str, int] = field(default_factory=dict)
    _next: Iterator[int] = field(default_factory=itertools.count)
    _seen_final: dict[str, Any] = field(default_factory=dict)

    def start(self, count: int, *, behaviour: Behaviour | None = None) -> list[str]:
        """Ask for `count` executions from several threads; returns the accepted ids."""
        text = write_fault(behaviour) if behaviour else ""
        with ThreadPoolExecutor(POSTERS) as pool:
            answers = pool.map(lambda _: self.post(text), range(count))
            return [key for key in answers if key]

    def post(self, text: str = "") -> str | None:
        """One request with `text` added to its input; its id when it was accepted."""
        number = next(self._next)
        try:
            answer = self.ask(f"[[marker:m-{number}]] {text}")
        except httpx2.TransportError:
            self.refused[0] += 1
            return None
        if answer.status_code != httpx2.codes.ACCEPTED:
            self.refused[answer.status_code] += 1
            return None
        key = str(answer.json()["id"])
        self.numbers[key] = number
        self.acknowledged.append(key)
        return key

    def ask(self, text: str, **headers: str) -> httpx2.Response:
        """The bare answer to one request."""
        given = f"{self.inputs[self.text_key]} {text}"
        return self.client.post(
            f"/api/v1/agents/{self.slug}/executions",
            json={"inputs": self.inputs | {self.text_key: given}},
            headers=headers,
        )

    def statuses(self) -> Counter[str]:
        """How many rows stand in each status."""
        rows = query(
            self.platform, "SELECT status, count(*) FROM agents_execution GROUP BY 1"
        )
        return Counter(dict(rows))

    def wait_for(self, status: str, count: int, *, timeout: float = 60) -> None:
        """Until at least `count` rows stand in `status`."""
        wait_until(
            lambda: self.statuses()[status] >= count,
            timeout,
            message=lambda: f"not {count} {status}: {self.statuses()}",
            step=LOOK_S,
        )

    def wait_for_all(self, *, timeout: float) -> None:
        """Until no row can change any more."""
        wait_until(
            lambda: not set(self.look()) - FINAL,
            timeout,
            message=lambda: f"unfinished: {self.statuses()}",
            step=LOOK_S,
        )

    def look(self) -> Counter[str]:
        """As `statuses`; asserts that no row changed after it was seen to be final."""
        rows = query(
            self.platform,
            "SELECT id, status, attempt, finished_at, output, cost_usd FROM agents_execution",
        )
        for key, *row in rows:
            if row[0] in FINAL:
                was = self._seen_final.setdefault(key, row)
                assert was == row, f"{key} was final and changed: {was} to {row}"
        return Counter(row[1] for row in rows)

    def check(self) -> dict[str, Any]:
        """Assert the invariants; returns the figures to print."""
        self.look()
        rows = query(self.platform, "SELECT id, status, attempt FROM agents_execution")
        final = {_plain(key) for key, status, _ in rows if status in FINAL}
        lost = {_plain(key) for key in self.acknowledged} - final
        assert not lost, f"{len(lost)} acknowledged executions are not final"
        completions = Counter(
            _plain(key)
            for (key,) in query(
                self.platform,
                "SELECT aggregate_id FROM analytics_event WHERE type IN "
                "('execution.succeeded', 'execution.failed', 'execution.cancelled', "
                "'execution.timed_out')",
            )
        )
        double = {key: n for key, n in completions.items() if n != 1}
        assert not double, f"completion events: {double}"
        assert set(completions) == final
        claims = sum(attempt for _, _, attempt in rows)
        calls = len(self.platform.model.calls)
        assert calls <= claims, f"{calls} calls for {claims} claims"
        return {
            "acknowledged": len(self.acknowledged),
            "refused": dict(self.refused),
            "by_status": dict(self.statuses()),
            "claims": claims,
            "model_calls": calls,
            "extra_calls": calls - len(rows),
        }


def open_ledger(platform: Platform, *, load: bool = True) -> Ledger:
    """A signed-in person and a low-risk agent with its complete sample.

    `load` is False for a database that holds the catalogue already.
    """
    if load:
        platform.manage("load_catalogue")
    _, client = platform.sign_up()
    agents = client.get("/api/v1/agents?risk=low&page_size=1").json()["results"]
    detail = client.get(f"/api/v1/agents/{agents[0]['slug']}").json()
    texts = [f["key"] for f in detail["inputs"] if f["type"] in {"text", "string"}]
    inputs = detail["samples"][0]["input"]
    return Ledger(
        platform=platform,
        client=client,
        slug=detail["slug"],
        inputs=inputs,
        text_key=next(key for key in texts if key in inputs),
    )


def query(platform: Platform, sql: str) -> Sequence[Any]:
    """Rows of the platform's own database, read past the platform."""
    address = platform.env["DATABASE_URL"]
    if address.startswith("sqlite"):
        with sqlite3.connect(urlsplit(address).path) as connection:
            return connection.execute(sql).fetchall()
    with psycopg.connect(address, autocommit=True) as server:
        return server.execute(sql.encode()).fetchall()


def _plain(key: Any) -> str:
    return str(key).replace("-", "")


def show(name: str, figures: dict[str, Any]) -> None:
    """Print the figures of a test on one line."""
    sys.stdout.write(f"\n{name}: {json.dumps(figures, sort_keys=True)}\n")
