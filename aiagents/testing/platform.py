"""The whole platform as real processes on free ports: for tests in a browser and tests that kill.

Redis, web, workers and sweeper are children with one environment and one database of their own;
the model is our loopback server in a thread of the test, so that a test can script it and read
its ledger. Nothing here waits for a time: readiness is asked for.
"""

import os
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest

from aiagents.common import ids, programs
from aiagents.testing.environment import forget, python
from aiagents.testing.messages_server import MessagesServer
from aiagents.testing.redis_server import RedisServer
from aiagents.testing.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0
STOP_S = 40.0
QUEUES = "interactive,workflow,batch,maintenance"
PASSWORD = "correct-horse-9"
#: Limits that would otherwise end a test's many requests, and leases short enough to watch.
DEFAULTS = {
    "DJANGO_SETTINGS_MODULE": "aiagents.settings.local",
    "ANTHROPIC_API_KEY": "key-of-a-test",
    "RATE_LIMIT_REQUESTS": "100000",
    "SIGNUP_LIMIT_PER_HOUR": "100000",
    "LOGIN_LIMIT_PER_MINUTE": "100000",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(slots=True, kw_only=True)
class Child:
    """One process of the platform and where it writes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def says(self, text: str) -> bool:
        """Whether it has written `text`. Raises AssertionError when it has died before."""
        written = self.log.read_text(errors="replace")
        assert self.is_alive or text in written, f"{self.name} died:\n{written[-4000:]}"
        return text in written

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to it and to its children; wait for the end unless it only pauses."""
        if self.is_alive:
            os.killpg(self.process.pid, number)
        if number not in {signal.SIGSTOP, signal.SIGCONT}:
            self.process.wait(STOP_S)


@dataclass(slots=True, kw_only=True)
class Platform:
    """Starts and ends the parts; `env` is what every part is given."""

    folder: Path
    redis: RedisServer
    model: MessagesServer
    env: dict[str, str]
    port: int
    children: list[Child] = field(default_factory=list)

    @classmethod
    def prepare(
        cls, folder: Path, *, env: Mapping[str, str], migrate: bool = True
    ) -> Self:
        """Redis and model run, the database is migrated, nothing of ours is started yet.

        `migrate` is False for a database that was migrated before.
        """
        server = RedisServer(folder / "redis", durable=True).start()
        model = MessagesServer().start()
        forget()
        given = {
            **os.environ,
            **DEFAULTS,
            "AIAGENTS_VAR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "REDIS_URL": server.url,
            "SECRET_KEY": secrets.token_urlsafe(64),
            "ANTHROPIC_BASE_URL": model.base_url,
            **env,
        }
        made = cls(
            folder=folder,
            redis=server,
            model=model,
            env=given,
            port=programs.free_port(),
        )
        try:
            if migrate:
                made.manage("migrate", "--verbosity", "0")
        except BaseException:
            made.stop()
            raise
        return made

    @property
    def base_url(self) -> str:
        """Where the web process listens."""
        return f"http://127.0.0.1:{self.port}"

    def manage(self, *arguments: str) -> str:
        """Run one management command to its end; returns what it printed.

        Raises AssertionError with its output when it fails.
        """
        done = subprocess.run(
            [python(), "manage.py", *arguments],
            cwd=ROOT, env=self.env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    # --- parts ---
    def start_web(self) -> Child:
        """The web process; returns when it answers."""
        options = ["--host", "127.0.0.1", "--port", str(self.port)]
        web = self._start("web", ["uvicorn", "aiagents.asgi:application", *options])
        wait_until(lambda: self._answers(web), START_S, message="web does not answer")
        return web

    def start_worker(self, *, queues: str = QUEUES) -> Child:
        """One more worker; returns when it takes messages."""
        (worker,) = self.start_workers(1, queues=queues)
        return worker

    def start_workers(self, count: int, *, queues: str = QUEUES) -> list[Child]:
        """So many more workers; returns when all take messages."""
        workers = [self.spawn_worker(queues) for _ in range(count)]
        for worker in workers:
            wait_until(
                lambda worker=worker: worker.says(" ready."),  # type: ignore[misc]
                START_S,
                message="the worker is not ready",
            )
        return workers

    def spawn_worker(self, queues: str = QUEUES) -> Child:
        """One more worker, not waited for."""
        number = sum(child.name.startswith("worker") for child in self.children)
        name = f"worker-{number}"
        options = ["--pool", "solo", "--loglevel", "INFO", "--queues", queues]
        command = ["celery", "-A", "aiagents", "worker", *options, "-n", f"{name}@test"]
        return self._start(name, command)

    def start_sweeper(self) -> Child:
        """The process that recovers what others left behind."""
        return self._spawn("sweeper", [python(), "manage.py", "sweep"])

    @property
    def workers(self) -> list[Child]:
        """The workers that are alive."""
        return [c for c in self.children if c.name.startswith("worker") and c.is_alive]

    def kill_worker(self, number: signal.Signals = signal.SIGKILL) -> Child:
        """Send a signal to the oldest living worker."""
        worker = self.workers[0]
        worker.kill(number)
        return worker

    def stop(self) -> None:
        """End everything, the model last."""
        for child in reversed(self.children):
            child.kill()
        self.redis.kill()
        self.model.stop()

    # --- use ---
    def client(self, **headers: str) -> httpx2.Client:
        """An HTTP client of the web process."""
        return httpx2.Client(base_url=self.base_url, headers=headers, timeout=30)

    def sign_up(self, username: str = "") -> tuple[str, httpx2.Client]:
        """A new person; their name and a client that carries their token."""
        name = username or f"person-{ids.new_id().hex[-12:]}"
        person = {"username": name, "password": PASSWORD}
        with self.client() as anonymous:
            created = anonymous.post("/auth/register", json=person)
            assert created.status_code == httpx2.codes.CREATED, created.text
            answer = anonymous.post("/auth/login", json=person)
            assert answer.status_code == httpx2.codes.OK, answer.text
        return name, self.client(Authorization=f"Bearer {answer.json()['token']}")

    def finished(
        self, client: httpx2.Client, execution_id: str, timeout: float = 60
    ) -> Any:
        """The execution once it is over, as the API gives it."""

        def look() -> Any:
            run = client.get(f"/api/v1/executions/{execution_id}").json()
            return (
                run
                if run.get("status") not in {"queued", "running", "waiting"}
                else None
            )

        return wait_until(look, timeout, message=f"{execution_id} is not over")

    def _answers(self, web: Child) -> bool:
        web.says("")
        try:
            return self._get("/login") == httpx2.codes.OK
        except httpx2.TransportError:
            return False

    def _get(self, path: str) -> int:
        with self.client() as client:
            return client.get(path).status_code

    def _start(self, name: str, module: Sequence[str]) -> Child:
        return self._spawn(name, [python(), "-m", *module])

    def _spawn(self, name: str, command: Sequence[str]) -> Child:
        log = self.folder / f"{name}-{len(self.children)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.env, stdout=out, stderr=out,
                start_new_session=True, preexec_fn=programs.ends_with_parent(),
            )  # fmt: skip
        child = Child(name=name, process=process, log=log)
        self.children.append(child)
        return child


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    """A platform of this module's own: prepared, with nothing of ours started."""
    # Short, because a unix socket's path has a limit.
    with tempfile.TemporaryDirectory(prefix="aiagents-e2e-") as folder:
        made = Platform.prepare(Path(folder), env={})
        yield made
        made.stop()
