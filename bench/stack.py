"""The platform under measurement: real processes, a model of a known pace, people and agents."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import psycopg

from aiagents.common import programs
from aiagents.testing import databases
from aiagents.testing.platform import Child, Platform
from aiagents.testing.waiting import wait_until
from bench.client import Target

START_S = 60.0
MODEL_EVENTS = 40
#: Enough that the cap of a team is no part of what is measured.
PEOPLE = 10
AGENTS = 12
BLOCKING_THREADS = 8
FREE_OF_LIMITS = {
    "RATE_LIMIT_REQUESTS": "10000000",
    "DEFAULT_MONTHLY_BUDGET_USD": "1000000",
}
UNFINISHED = "SELECT count(*) FROM agents_execution WHERE finished_at IS NULL"


class Stack(Platform):
    """A platform whose model and, by default, whose web server are those of production."""

    __slots__ = ()

    @property
    def database_url(self) -> str:
        """Where its rows are."""
        return self.env["DATABASE_URL"]

    def start_model(self, *, seconds: float) -> Child:
        """The model as a process: streams of `seconds` in 40 events."""
        port = self.env["ANTHROPIC_BASE_URL"].rpartition(":")[2]
        pace = ["--seconds", str(seconds), "--events", str(MODEL_EVENTS)]
        module = "aiagents.testing.messages_server"
        model = self._start("model", [module, "--port", port, *pace])
        return _ready(model, "Messages server at")

    def start_server(self, *, server: str) -> Child:
        """Web under `granian` (WSGI, as in production) or `uvicorn` (as `make run`)."""
        if server == "uvicorn":
            return self.start_web()
        web = self.start_granian("web", "aiagents.wsgi:application", port=self.port)
        wait_until(
            lambda: self._answers(web), START_S, message="web does not answer", step=0.1
        )
        return web

    def start_granian(
        self, name: str, application: str, *, port: int, factory: bool = False
    ) -> Child:
        """A WSGI application in one process; it may not answer yet."""
        options = ["--interface", "wsgi", "--port", str(port), "--log-level", "warning"]
        options += ["--blocking-threads", str(BLOCKING_THREADS)]
        options += ["--factory"] if factory else []
        return self._start(name, ["granian", *options, application])

    def end(self, child: Child) -> None:
        """End one part for good."""
        child.kill()
        self.children.remove(child)

    def leaders(self) -> dict[str, int]:
        """The process of each part, by name; of several of a name, the last."""
        pids = {c.name.partition("-")[0]: c.process.pid for c in self.children}
        if self.redis._process is not None:  # noqa: SLF001 - our own test machinery
            pids["redis"] = self.redis._process.pid  # noqa: SLF001
        return pids

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """Rows, read past the platform."""
        with psycopg.connect(self.database_url, autocommit=True) as server:
            return server.execute(sql.encode(), parameters).fetchall()

    def execute(self, sql: str, parameters: tuple[Any, ...] = ()) -> None:
        """One statement, past the platform, outside any transaction."""
        with psycopg.connect(self.database_url, autocommit=True) as server:
            server.execute(sql.encode(), parameters or None)

    def wait_for_all(self, *, timeout_s: float) -> int:
        """Until nothing is unfinished or the time is up; how many still are."""
        until = time.monotonic() + timeout_s
        while True:
            ((left,),) = self.query(UNFINISHED)
            if not left or time.monotonic() > until:
                return int(left)
            time.sleep(0.1)

    def targets(self, *, people: int = PEOPLE, agents: int = AGENTS) -> list[Target]:
        """Starts of low-risk agents by several people, each tried once.

        Raises AssertionError when no agent runs.
        """
        clients = [self.sign_up()[1] for _ in range(people)]
        bodies = _runnable(self, clients[0], agents)
        headers = [{"Authorization": c.headers["Authorization"]} for c in clients]
        return [
            Target(path=path, headers=headers[(place + turn) % people], body=body)
            for turn in range(people)
            for place, (path, body) in enumerate(bodies.items())
        ]


@contextlib.contextmanager
def template_database(server_url: str) -> Iterator[str]:
    """The name of a migrated database with the catalogue, to be copied."""
    with databases.scratch_database(server_url) as url:
        with _platform(url, {}, migrate=True) as stack:
            stack.manage("load_catalogue")
        yield url.rpartition("/")[2]


@contextlib.contextmanager
def stack(server_url: str, *, template: str, **env: str) -> Iterator[Stack]:
    """A prepared platform on a copy of `template`; nothing of ours runs yet."""
    with (
        databases.scratch_database(server_url, template=template) as url,
        _platform(url, env, migrate=False) as made,
    ):
        yield made


@contextlib.contextmanager
def _platform(
    database_url: str, env: Mapping[str, str], *, migrate: bool
) -> Iterator[Stack]:
    # Short, because a unix socket's path has a limit.
    folder = Path(tempfile.mkdtemp(prefix="aiagents-bench-"))
    (folder / "static").mkdir()
    address = f"http://127.0.0.1:{programs.free_port()}"
    given = {"DATABASE_URL": database_url, "ANTHROPIC_BASE_URL": address}
    try:
        made = Stack.prepare(
            folder, env={**FREE_OF_LIMITS, **given, **env}, migrate=migrate
        )
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _runnable(
    platform: Stack, client: httpx2.Client, wanted: int
) -> dict[str, dict[str, Any]]:
    """Bodies by path of agents whose first sample runs to its end at the first attempt."""
    asked: dict[str, tuple[str, dict[str, Any]]] = {}
    for row in client.get("/api/v1/agents?risk=low&page_size=60").json()["results"]:
        detail = client.get(f"/api/v1/agents/{row['slug']}").json()
        path = f"/api/v1/agents/{row['slug']}/executions"
        body = {"inputs": detail["samples"][0]["input"]}
        answer = client.post(path, json=body)
        if answer.status_code == httpx2.codes.ACCEPTED:
            asked[answer.json()["id"]] = path, body
        if len(asked) >= wanted:
            break
    assert not platform.wait_for_all(timeout_s=START_S), "the first runs do not end"  # noqa: S101
    sql = "SELECT id FROM agents_execution WHERE status = 'succeeded' AND attempt = 1"
    good = {str(key) for (key,) in platform.query(sql)}
    bodies = dict(asked[key] for key in asked if key in good)
    assert bodies, f"no agent runs: {[c.log for c in platform.children]}"  # noqa: S101
    return bodies


def _ready(child: Child, words: str) -> Child:
    wait_until(lambda: child.says(words), START_S, message=f"{child.name} is not ready")
    return child
