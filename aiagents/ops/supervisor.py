"""How do several processes run as one: started together, restarted alone, ended without a trace?

Each child has a process group of its own, so that Ctrl-C reaches only the supervisor and
whatever a child starts ends with it. The kernel kills the children when the supervisor dies
(`programs.ends_with_parent`); that signal is tied to the thread that forks, so everything
here runs in the main thread: one loop reads output, notices deaths and starts again.
"""

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiagents.common import clock, programs

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 10.0
#: A child that lived this long has recovered: its next death counts as the first.
STEADY_S = 30.0
PUMP_S = 0.1
COLOURS = (36, 32, 33, 35, 34, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """What to run."""

    name: str
    command: tuple[str, ...]
    #: Seconds from SIGTERM to SIGKILL.
    patience_s: float = 5.0
    #: Others need it to their end: it is stopped after them.
    is_service: bool = False
    #: It ends by itself, writes to our own output, and its exit code is kept.
    runs_once: bool = False
    #: How much it leaves to others, as in nice(1).
    niceness: int = 0


def next_delay_s(previous_s: float, *, lived_s: float) -> float:
    """How long to wait before the next start; `previous_s` is 0 after the first death."""
    if lived_s >= STEADY_S or not previous_s:
        return FIRST_DELAY_S
    return min(previous_s * 2, LONGEST_DELAY_S)


@dataclass(slots=True, kw_only=True)
class _Life:
    """One child: its process, or the moment of its next start."""

    child: Child
    colour: int
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    delay_s: float = 0.0
    code: int | None = None
    partial: bytes = field(default=b"")


class Supervisor:
    """Runs children until it is asked to stop. Use from the main thread only."""

    def __init__(
        self,
        *,
        write: Callable[[str], None],
        environment: Mapping[str, str],
        folder: Path,
        colour: bool = False,
    ) -> None:
        """`write` gets whole lines without a line end; children run in `folder`."""
        self._write = write
        self._environment = dict(environment)
        self._folder = folder
        self._colour = colour
        self._lives: dict[str, _Life] = {}
        self._selector = selectors.DefaultSelector()
        self._asked = 0
        self._is_stopping = False

    @property
    def is_asked_to_stop(self) -> bool:
        """Whether a signal or a caller asked for the end."""
        return self._asked > 0

    def ask_to_stop(self, *_: object) -> None:
        """Also a signal handler: the first call ends gently, the second at once."""
        self._asked += 1

    def pid(self, name: str) -> int | None:
        """The process of the child of that name, if it lives."""
        process = self._lives[name].process
        return process.pid if process else None

    def exit_code(self, name: str) -> int | None:
        """The exit code of a child that runs once; None while it runs."""
        return self._lives[name].code

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """While in here, SIGINT, SIGTERM and SIGHUP ask to stop."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self.ask_to_stop) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def start(self, *children: Child) -> None:
        """Start and keep running from now on."""
        for child in children:
            colour = COLOURS[len(self._lives) % len(COLOURS)]
            life = self._lives[child.name] = _Life(child=child, colour=colour)
            self._spawn(life)

    def run(self) -> None:
        """Keep the children running until asked to stop."""
        while not self._asked:
            self.pump()

    def pump(self, timeout_s: float = PUMP_S) -> None:
        """One round: pass on output, notice deaths, start again what is due."""
        for key, _ in self._selector.select(timeout_s):
            self._read(key.data)
        for life in self._lives.values():
            if life.process and life.process.poll() is not None:
                self._bury(life)
            if not life.process and self._is_due(life):
                self._spawn(life)

    def stop(self) -> None:
        """End every child, services last; afterwards no process is left."""
        self._is_stopping = True
        for is_service in (False, True):
            lives = self._lives.values()
            self._end([li for li in lives if li.child.is_service is is_service])
        self._selector.close()

    def _is_due(self, life: _Life) -> bool:
        is_over = life.child.runs_once and life.code is not None
        return not (self._is_stopping or is_over) and clock.monotonic() >= life.start_at

    def _spawn(self, life: _Life) -> None:
        life.started_at = clock.monotonic()
        try:
            life.process = subprocess.Popen(
                life.child.command,
                stdin=subprocess.DEVNULL,
                stdout=None if life.child.runs_once else subprocess.PIPE,
                stderr=None if life.child.runs_once else subprocess.STDOUT,
                env=self._environment,
                cwd=self._folder,
                process_group=0,
                preexec_fn=programs.ends_with_parent(),
            )
        except OSError as error:
            self._plan_start(life, f"cannot start: {error}")
            return
        if life.child.niceness:
            os.setpriority(os.PRIO_PROCESS, life.process.pid, life.child.niceness)
        if pipe := life.process.stdout:
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, life)

    def _bury(self, life: _Life) -> None:
        process = life.process
        assert process is not None  # noqa: S101 - the callers looked
        while self._read(life):
            pass
        if life.partial:
            self._say(life, life.partial)
        self._forget_pipe(life)
        _kill_group(process.pid, signal.SIGKILL)
        life.process, life.partial, life.code = None, b"", process.returncode
        if not (self._is_stopping or life.child.runs_once):
            self._plan_start(life, _ending(process.returncode))

    def _plan_start(self, life: _Life, what: str) -> None:
        lived_s = clock.monotonic() - life.started_at
        life.delay_s = next_delay_s(life.delay_s, lived_s=lived_s)
        life.start_at = clock.monotonic() + life.delay_s
        self._say(life, f"{what}; starting again in {life.delay_s:g} s".encode())

    def _end(self, lives: list[_Life]) -> None:
        asked_at = clock.monotonic()
        for life in lives:
            if life.process:
                _kill_group(life.process.pid, signal.SIGTERM)
        while any(life.process for life in lives):
            for life in lives:
                if (
                    self._asked > 1
                    or clock.monotonic() > asked_at + life.child.patience_s
                ):
                    self._kill(life)
            self.pump()

    def _kill(self, life: _Life) -> None:
        if life.process:
            _kill_group(life.process.pid, signal.SIGKILL)

    def _read(self, life: _Life) -> bool:
        """Pass on what is there; False when nothing was."""
        pipe = life.process.stdout if life.process else None
        if pipe is None or pipe.closed:
            return False
        try:
            data = os.read(pipe.fileno(), 65536)
        except BlockingIOError:
            return False
        if not data:
            self._forget_pipe(life)
        *lines, life.partial = (life.partial + data).split(b"\n")
        for line in lines:
            self._say(life, line)
        return bool(data)

    def _forget_pipe(self, life: _Life) -> None:
        pipe = life.process.stdout if life.process else None
        if pipe and not pipe.closed:
            self._selector.unregister(pipe)
            pipe.close()

    def _say(self, life: _Life, line: bytes) -> None:
        width = max(map(len, self._lives))
        text = line.decode(errors="replace").rstrip()
        name = f"{life.child.name:<{width}} |"
        self._write(
            f"\033[{life.colour}m{name}\033[0m {text}"
            if self._colour
            else f"{name} {text}"
        )


def _ending(code: int) -> str:
    return f"ended by signal {-code}" if code < 0 else f"ended with code {code}"


def _kill_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
