"""Children are started, started again, and never left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aiagents.ops import supervisor as module
from aiagents.ops.supervisor import Child, Supervisor, next_delay_s
from aiagents.testing.environment import python
from aiagents.testing.waiting import wait_until

FOREVER = "import time; time.sleep(600)"
DEAF = (
    "import signal, time; signal.signal(15, signal.SIG_IGN);"
    "print('deaf'); time.sleep(600)"
)


def child(name, code, **options):
    return Child(name=name, command=(python(), "-u", "-c", code), **options)


class Run:
    """A supervisor in this process, and what it wrote."""

    def __init__(self, folder):
        self.lines: list[str] = []
        self.supervisor = Supervisor(
            write=self.lines.append, environment=os.environ, folder=folder
        )

    def until(self, condition, timeout=10):
        def pumped():
            self.supervisor.pump(0.01)
            return condition()

        return wait_until(pumped, timeout)

    def says(self, text):
        return self.until(lambda: [line for line in self.lines if text in line])


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path)
    yield run
    run.supervisor.ask_to_stop()
    run.supervisor.ask_to_stop()
    run.supervisor.stop()


def is_alive(pid):
    """Whether the process runs; a zombie waiting for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


class TestDelay:
    def test_doubles_up_to_ten_seconds(self):
        delays, delay = [], 0.0
        for _ in range(8):
            delay = next_delay_s(delay, lived_s=0.1)
            delays.append(delay)
        assert delays == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]

    def test_begins_again_after_a_steady_life(self):
        assert next_delay_s(10, lived_s=30) == 0.2


class TestRunning:
    def test_lines_carry_the_name_and_partial_ones_wait_for_their_end(self, run):
        code = "import sys; sys.stdout.write('a\\nb'); sys.stdout.flush(); print('c')"
        run.supervisor.start(child("one", code), child("three", FOREVER))
        run.says("one   | bc")
        assert run.lines[0] == "one   | a"

    def test_colours_are_for_terminals(self, tmp_path):
        lines: list[str] = []
        supervisor = Supervisor(
            write=lines.append, environment=os.environ, folder=tmp_path, colour=True
        )
        supervisor.start(child("one", "print('x')"))

        def has_spoken():
            supervisor.pump(0.01)
            return lines

        wait_until(has_spoken)
        supervisor.stop()
        assert lines[0] == "\033[36mone |\033[0m x"

    def test_a_dead_child_is_started_again(self, run):
        run.supervisor.start(child("one", FOREVER))
        before = run.supervisor.pid("one")
        os.kill(before, signal.SIGKILL)
        run.says("one | ended by signal 9; starting again in 0.2 s")
        run.until(lambda: run.supervisor.pid("one"))
        assert run.supervisor.pid("one") != before

    def test_delays_grow_while_it_keeps_dying(self, run):
        run.supervisor.start(child("one", "raise SystemExit(3)"))
        run.says("ended with code 3; starting again in 0.4 s")
        assert any("in 0.2 s" in line for line in run.lines)

    def test_the_others_go_on(self, run):
        run.supervisor.start(child("one", "pass"), child("two", FOREVER))
        before = run.supervisor.pid("two")
        run.says("one | ended with code 0")
        assert run.supervisor.pid("two") == before

    def test_a_program_that_does_not_exist_is_tried_again(self, run):
        run.supervisor.start(Child(name="one", command=("/nowhere/program",)))
        run.says("cannot start")
        run.says("starting again in 0.4 s")

    def test_one_that_runs_once_keeps_its_exit_code(self, run):
        run.supervisor.start(child("one", "raise SystemExit(78)", runs_once=True))
        assert run.supervisor.exit_code("one") is None
        run.until(lambda: run.supervisor.exit_code("one") is not None)
        assert run.supervisor.exit_code("one") == 78
        assert run.supervisor.pid("one") is None

    def test_the_last_words_are_heard(self, run):
        run.supervisor.start(
            child("one", "print('x' * 200_000 + 'end'); print('no newline', end='')")
        )
        run.says("xend")
        run.says("one | no newline")


class TestStopping:
    def test_leaves_nothing(self, run):
        run.supervisor.start(child("one", FOREVER), child("two", FOREVER))
        pids = [run.supervisor.pid(name) for name in ("one", "two")]
        run.supervisor.stop()
        assert not any(map(is_alive, pids))

    def test_services_end_after_those_who_need_them(self, run):
        code = (
            "import signal, sys, time\n"
            "def end(*_):\n"
            "    time.sleep(0.1); print('ended', flush=True); sys.exit()\n"
            "signal.signal(signal.SIGTERM, end)\n"
            "print('ready', flush=True)\n"
            "time.sleep(600)\n"
        )
        run.supervisor.start(child("redis", code, is_service=True), child("web", code))
        run.says("redis | ready")
        run.says("web   | ready")
        run.supervisor.stop()
        ended = [line for line in run.lines if "| ended" in line]
        assert ended == ["web   | ended", "redis | ended"]

    def test_what_ignores_the_first_signal_is_killed(self, run):
        run.supervisor.start(child("one", DEAF, patience_s=0.3))
        run.says("deaf")
        pid = run.supervisor.pid("one")
        run.supervisor.stop()
        assert not is_alive(pid)

    def test_a_second_request_does_not_wait(self, run):
        run.supervisor.start(child("one", DEAF, patience_s=600))
        run.says("deaf")
        run.supervisor.ask_to_stop()
        run.supervisor.ask_to_stop()
        pid = run.supervisor.pid("one")
        run.supervisor.stop()
        assert not is_alive(pid)

    def test_grandchildren_end_too(self, run):
        code = (
            "import subprocess, sys, time\n"
            f"inner = subprocess.Popen([sys.executable, '-c', {FOREVER!r}])\n"
            "print('inner', inner.pid, flush=True)\n"
            "time.sleep(600)\n"
        )
        run.supervisor.start(child("one", code))
        [line] = run.says("inner")
        run.supervisor.stop()
        wait_until(lambda: not is_alive(int(line.split()[-1])))

    def test_nothing_is_started_while_it_stops(self, run):
        run.supervisor.start(child("one", "raise SystemExit(1)"))
        run.says("starting again")
        run.supervisor.stop()
        assert run.supervisor.pid("one") is None


#: A supervisor of two children that tells their pids and stays.
PROGRAM = f"""
import os, sys
from pathlib import Path
from aiagents.ops.supervisor import Child, Supervisor
def write(line): print(line, flush=True)
one = Supervisor(write=write, environment=os.environ, folder=Path("."))
command = (sys.executable, "-c", {FOREVER!r})
with one.signals():
    one.start(Child(name="a", command=command), Child(name="b", command=command))
    print(one.pid("a"), one.pid("b"), flush=True)
    try:
        one.run()
    finally:
        one.stop()
"""


@pytest.fixture
def program():
    process = subprocess.Popen(
        [python(), "-c", PROGRAM],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(module.__file__).parents[2],
        process_group=0,
    )
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


class TestAsAProcess:
    @pytest.mark.skipif(
        sys.platform != "linux", reason="needs Linux's parent-death signal"
    )
    def test_killed_it_takes_its_children_along(self, program):
        pids = [int(pid) for pid in program.stdout.readline().split()]
        assert all(map(is_alive, pids))
        program.kill()
        wait_until(lambda: not any(map(is_alive, pids)))

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_ends_it_and_its_children(self, program, number):
        pids = [int(pid) for pid in program.stdout.readline().split()]
        # As the terminal does it: to the whole foreground group.
        os.killpg(program.pid, number)
        assert program.wait(10) == 0
        assert not any(map(is_alive, pids))
