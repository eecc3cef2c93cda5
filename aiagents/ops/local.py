"""What does `manage.py up` do, step by step?

1. Refuse a second `up` in the same folder and a port that is taken.
2. Start Redis, where the environment names no other.
3. Bring the database up to date by `manage.py set_up`. When nothing that it reads has
   changed since the last time, web does not wait for it.
4. Start web; when it is ready, the demo model (where no other model is configured), worker,
   sweeper and beat, so that on a small machine they do not delay the first page.
5. Keep all of it running until Ctrl-C.

This module and what it imports know no Django: the supervisor is there at once, and small.
"""

import http.client
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiagents.common import clock, config, local_state
from aiagents.ops import addresses, demo_model, lock, preparation, redis_server
from aiagents.ops.console import Console
from aiagents.ops.supervisor import Child, Supervisor

READY_S = 90.0
LOOK_S = 0.1
WEB_DRAIN_S = 5
#: `set_up` leaves the machine to web when both start at once.
POLITE = 10
QUEUES = "interactive,workflow,batch,maintenance"
MANAGE = (sys.executable, str(local_state.BASE_DIR / "manage.py"))
SET_UP = "set-up"


class CannotStartError(Exception):
    """Something on this machine is in the way; the message says what and the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One installation: its state folder and where its web process listens."""

    var: Path
    host: str
    port: int

    @classmethod
    def from_environment(cls) -> "Place":
        """AIAGENTS_VAR, HOST and PORT. Raises ConfigError."""
        port = config.integer("PORT", 8000, least=1, most=65535)
        host = config.text("HOST", "127.0.0.1")
        return cls(var=local_state.folder(), host=host, port=port)

    @property
    def reachable_host(self) -> str:
        """A name under which this machine itself reaches web."""
        every = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
        return every.get(self.host, self.host)

    @property
    def url(self) -> str:
        """For a browser on this machine."""
        host = self.reachable_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def main() -> int:
    """`manage.py up`: HOST, PORT, AIAGENTS_VAR. Returns the exit code; raises ConfigError."""
    try:
        return up(place=Place.from_environment(), console=Console())
    except (CannotStartError, lock.AlreadyRunningError) as error:
        print(f"Cannot start: {error}", file=sys.stderr)  # noqa: T201 - a command
        return 1


def up(*, place: Place, console: Console) -> int:
    """Start everything and stay until asked to stop; 0, or the exit code of `set_up`.

    Raises CannotStartError, AlreadyRunningError, ConfigError.
    """
    (place.var / "static").mkdir(parents=True, exist_ok=True)
    with lock.only_one(place.var):
        check_port(place)
        supervisor = Supervisor(
            write=console.line,
            environment=environment(place),
            folder=local_state.BASE_DIR,
            colour=console.is_terminal,
        )
        with supervisor.signals():
            try:
                code = _Start(place, console, supervisor).bring_up()
                if not code:
                    supervisor.run()
            finally:
                if supervisor.is_asked_to_stop:
                    console.line("Stopping. Ctrl-C once more ends everything at once.")
                supervisor.stop()
    return code


class _Start:
    """The order of one start."""

    def __init__(self, place: Place, console: Console, supervisor: Supervisor) -> None:
        self._place = place
        self._console = console
        self._supervisor = supervisor
        self._began = clock.monotonic()

    def bring_up(self) -> int:
        """Start everything; the exit code of `set_up`, 0 also when asked to stop."""
        self._supervisor.start(*redis_children(self._place))
        is_prepared = preparation.is_done(self._place.var)
        self._supervisor.start(set_up(niceness=POLITE if is_prepared else 0))
        if not is_prepared and (code := self._wait_for_set_up()):
            return code
        if self._supervisor.is_asked_to_stop:
            return 0
        # Its address is noted first: web and worker read it when they start.
        demo = demo_children(self._place)
        self._supervisor.start(web(self._place))
        is_ready = self._wait(lambda: _answers(self._place), READY_S)
        seconds = clock.monotonic() - self._began
        if self._supervisor.is_asked_to_stop:
            return 0
        self._supervisor.start(*demo, *background(self._place))
        code = self._wait_for_set_up()
        if not (code or self._supervisor.is_asked_to_stop):
            state = (
                f"ready after {seconds:.1f} s" if is_ready else "not ready, see above"
            )
            self._greet(state=state, has_demo_model=bool(demo))
        return code

    def _wait_for_set_up(self) -> int:
        self._wait(lambda: self._supervisor.exit_code(SET_UP) is not None, float("inf"))
        return self._supervisor.exit_code(SET_UP) or 0

    def _wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Pump until `condition`, a stop or the end of the time; whether it came true."""
        until = clock.monotonic() + timeout_s
        look_at = 0.0
        while clock.monotonic() < until and not self._supervisor.is_asked_to_stop:
            if clock.monotonic() >= look_at:
                if condition():
                    return True
                look_at = clock.monotonic() + LOOK_S
            self._supervisor.pump(LOOK_S)
        return False

    def _greet(self, *, state: str, has_demo_model: bool) -> None:
        for line in greeting(self._place, state=state, has_demo_model=has_demo_model):
            self._console.line(line)
        if not (config.text("REDIS_URL") or redis_server.is_ready(self._place.var)):
            log = redis_server.log_file(self._place.var)
            self._console.line(f"Redis does not answer; the reason stands in {log}")


def greeting(place: Place, *, state: str, has_demo_model: bool) -> list[str]:
    """What a person needs to know once it runs."""
    name = config.text("DJANGO_SUPERUSER_USERNAME", "admin")
    kept = place.var / preparation.PASSWORD_FILE
    lines = ["", f"  AI-Agents Platform: {place.url}  ({state})"]
    hint = f", password in {kept}" if kept.is_file() else ""
    lines.append(f"  Sign in: {name}{hint}")
    if has_demo_model:
        lines.append(
            "  Demo model: small, fast, often wrong. Set ANTHROPIC_API_KEY for a real one."
        )
    return [*lines, "  Ctrl-C stops everything.", ""]


def environment(place: Place) -> dict[str, str]:
    """What children inherit: the same folder and settings, and they only warn."""
    return {
        "LOG_LEVEL": "WARNING",
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "aiagents.settings.local",
        **os.environ,
        "AIAGENTS_VAR": str(place.var),
    }


def check_port(place: Place) -> None:
    """Raises CannotStartError when web could not listen."""
    try:
        is_free = addresses.is_free(place.host, place.port)
    except OSError as error:
        message = f"HOST={place.host} cannot be listened on: {error.strerror}."
        raise CannotStartError(message) from error
    if not is_free:
        raise CannotStartError(
            f"PORT {place.port} is in use on {place.host}. Stop what listens there, or "
            f"choose another: PORT={place.port + 1} make run"
        )


def redis_children(place: Place) -> list[Child]:
    """Redis, unless REDIS_URL names one. Raises CannotStartError."""
    if config.text("REDIS_URL"):
        return []
    try:
        return [redis_server.child(place.var)]
    except redis_server.NotInstalledError as error:
        raise CannotStartError(str(error)) from error


def set_up(*, niceness: int) -> Child:
    """Migrations, catalogue, first administrator; ends by itself."""
    return Child(
        name=SET_UP, command=(*MANAGE, "set_up"), runs_once=True, niceness=niceness
    )


def demo_children(place: Place) -> list[Child]:
    """The demo model, unless a key or an address of a real one is set."""
    if any(
        config.text(name)
        for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_API_KEYS", "ANTHROPIC_BASE_URL")
    ):
        return []
    if not demo_model.is_installed():
        raise CannotStartError(
            "The demo model is not installed. Install requirements/local.txt, or set "
            "ANTHROPIC_API_KEY."
        )
    return [demo_model.child(place.var)]


def web(place: Place) -> Child:
    """Pages, REST, sockets and SSE in one process."""
    uvicorn = (sys.executable, "-m", "uvicorn", "aiagents.asgi:application")
    listen = ("--host", place.host, "--port", str(place.port))
    sockets = ("--ws", "websockets-sansio", "--ws-per-message-deflate", "false")
    quiet = ("--no-access-log", "--log-level", "warning")
    end = ("--timeout-graceful-shutdown", str(WEB_DRAIN_S))
    command = (*uvicorn, *listen, *sockets, *quiet, *end)
    return Child(name="web", command=command, patience_s=WEB_DRAIN_S + 5)


def background(place: Place) -> tuple[Child, ...]:
    """Worker, sweeper and beat."""
    celery = (sys.executable, "-m", "celery", "--quiet", "-A", "aiagents")
    worker = ("worker", "--pool", "solo", "--queues", QUEUES, "--loglevel", "WARNING")
    alone = ("--without-gossip", "--without-mingle", "-n", f"local-{place.port}@%h")
    beat = ("beat", "--pidfile", "", "--loglevel", "WARNING")
    patience_s = config.number("DRAIN_SECONDS", local_state.DRAIN_S) + 5
    return (
        Child(name="worker", command=(*celery, *worker, *alone), patience_s=patience_s),
        Child(name="sweeper", command=(*MANAGE, "sweep")),
        Child(name="beat", command=(*celery, *beat)),
    )


def _answers(place: Place) -> bool:
    """Whether web answers with anything but a failure or a plea for time."""
    connection = http.client.HTTPConnection(place.reachable_host, place.port, timeout=5)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
