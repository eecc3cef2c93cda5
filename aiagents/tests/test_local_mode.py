"""What `make run` starts, where, and what it refuses."""

import contextlib
import os
import signal
import socket
import stat
import subprocess
from pathlib import Path

import httpx2
import pytest
from django.conf import settings

from accounts.models import User
from aiagents.common import local_state, programs
from aiagents.common.config import ConfigError
from aiagents.ops import (
    addresses,
    demo_model,
    local,
    lock,
    preparation,
    redis_server,
    setting_up,
)
from aiagents.ops.local import CannotStartError, Place
from aiagents.testing.environment import python
from aiagents.testing.waiting import wait_until


@pytest.fixture
def place(tmp_path):
    return Place(var=tmp_path, host="127.0.0.1", port=programs.free_port())


@pytest.fixture
def listening():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


class TestPlace:
    def test_defaults(self):
        place = Place.from_environment()
        assert place.url == "http://127.0.0.1:8000"

    def test_every_address_is_reached_by_loopback(self, monkeypatch):
        monkeypatch.setenv("HOST", "0.0.0.0")
        monkeypatch.setenv("PORT", "81")
        assert Place.from_environment().url == "http://127.0.0.1:81"
        monkeypatch.setenv("HOST", "::")
        assert Place.from_environment().url == "http://[::1]:81"

    def test_a_bad_port_is_named(self, monkeypatch):
        monkeypatch.setenv("PORT", "99999")
        with pytest.raises(ConfigError, match="PORT"):
            Place.from_environment()


class TestRefusals:
    def test_a_port_in_use_names_the_way_out(self, tmp_path, listening):
        place = Place(var=tmp_path, host="127.0.0.1", port=listening)
        with pytest.raises(CannotStartError, match=f"PORT={listening + 1} make run"):
            local.check_port(place)

    def test_a_free_port_is_fine(self, place):
        local.check_port(place)

    def test_a_host_that_is_not_ours(self, tmp_path):
        place = Place(var=tmp_path, host="192.0.2.1", port=8000)
        with pytest.raises(CannotStartError, match=r"HOST=192\.0\.2\.1"):
            local.check_port(place)

    def test_a_second_one_in_the_same_folder(self, tmp_path):
        with (
            lock.only_one(tmp_path),
            pytest.raises(lock.AlreadyRunningError, match=f"pid {os.getpid()} "),
            lock.only_one(tmp_path),
        ):
            pass

    def test_the_folder_is_free_afterwards(self, tmp_path):
        for _ in range(2):
            with lock.only_one(tmp_path):
                assert (tmp_path / "up.lock").read_text() == str(os.getpid())


class TestChildren:
    def test_a_given_redis_is_not_started(self, place, monkeypatch):
        monkeypatch.setenv("REDIS_URL", "redis://localhost")
        assert local.redis_children(place) == []

    @pytest.mark.parametrize(
        "name", ["ANTHROPIC_API_KEY", "ANTHROPIC_API_KEYS", "ANTHROPIC_BASE_URL"]
    )
    def test_a_given_model_means_no_demo_model(self, place, monkeypatch, name):
        monkeypatch.setenv(name, "http://localhost")
        assert local.demo_children(place) == []

    def test_the_demo_model_keeps_its_port(self, place):
        [first], [second] = local.demo_children(place), local.demo_children(place)
        assert first.command == second.command
        assert first.command[-1] in local_state.demo_model_url(place.var)

    def test_a_port_taken_meanwhile_is_replaced(self, tmp_path, listening):
        note = tmp_path / "x.url"
        addresses.write_note(note, f"http://127.0.0.1:{listening}")
        assert addresses.lasting_port(note) != listening

    def test_the_worker_has_time_to_drain(self, place):
        worker = next(c for c in local.background(place) if c.name == "worker")
        assert worker.patience_s == settings.DRAIN_S + 5

    def test_children_find_the_same_folder(self, place, monkeypatch):
        monkeypatch.setenv("AIAGENTS_VAR", "elsewhere")
        assert local.environment(place)["AIAGENTS_VAR"] == str(place.var)

    def test_redis_loses_nothing_and_evicts_nothing(self, tmp_path):
        command = " ".join(redis_server.child(tmp_path).command)
        assert "--appendonly yes" in command
        assert "--maxmemory-policy noeviction" in command
        assert f"--unixsocket {tmp_path}/redis.sock" in command
        assert not (tmp_path / "redis.url").exists()

    def test_redis_takes_a_port_where_a_socket_does_not_fit(self, tmp_path):
        var = tmp_path / ("x" * 100)
        var.mkdir()
        command = redis_server.child(var).command
        port = command[command.index("--port") + 1]
        assert local_state.redis_url(var) == f"redis://127.0.0.1:{port}/0"
        assert redis_server.child(var).command == command

    def test_a_redis_that_is_away_is_not_ready(self, tmp_path):
        assert not redis_server.is_ready(tmp_path)

    def test_a_redis_that_answers_is_ready(self, tmp_path, spare_redis):
        (tmp_path / "redis.url").write_text(spare_redis.url)
        assert redis_server.is_ready(tmp_path)


class TestPreparation:
    def test_is_not_done_without_a_database(self, tmp_path):
        preparation.note_done(tmp_path)
        assert not preparation.is_done(tmp_path)

    def test_is_done_until_another_database_is_named(self, tmp_path, monkeypatch):
        (tmp_path / "db.sqlite3").touch()
        preparation.note_done(tmp_path)
        assert preparation.is_done(tmp_path)
        monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/x")
        assert not preparation.is_done(tmp_path)

    def test_the_digest_is_of_the_content(self):
        migrations = preparation.digest(("*/migrations/*.py",))
        assert migrations == preparation.digest(("*/migrations/*.py",))
        assert migrations != preparation.digest(("requirements/*.txt",))


@pytest.mark.django_db
class TestAdministrator:
    def test_has_a_random_password_that_is_kept(self, tmp_path):
        made = setting_up.ensure_administrator(var=tmp_path)
        password = made.kept.read_text().strip()
        assert stat.S_IMODE(made.kept.stat().st_mode) == 0o600
        assert User.objects.get(username="admin").check_password(password)
        assert made.is_new

    def test_is_made_once(self, tmp_path):
        first = setting_up.ensure_administrator(var=tmp_path)
        password = first.kept.read_text()
        again = setting_up.ensure_administrator(var=tmp_path)
        assert not again.is_new
        assert again.kept.read_text() == password

    def test_comes_from_the_environment(self, tmp_path, monkeypatch):
        monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "grace")
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a long enough one")
        made = setting_up.ensure_administrator(var=tmp_path)
        assert User.objects.get(username="grace").check_password("a long enough one")
        assert made.kept is None
        assert list(tmp_path.iterdir()) == []

    def test_a_forgotten_password_file_is_not_invented(self, tmp_path):
        setting_up.ensure_administrator(var=tmp_path).kept.unlink()
        again = setting_up.ensure_administrator(var=tmp_path)
        assert again.kept is None
        assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
class TestDemoModel:
    def test_speaks_the_messages_api_under_its_own_name(self, tmp_path):
        if not demo_model.is_installed():
            pytest.skip("the demo model is not installed")
        child = demo_model.child(tmp_path)
        url = local_state.demo_model_url(tmp_path)
        process = subprocess.Popen(child.command, cwd=settings.BASE_DIR)
        try:
            wait_until(lambda: _status(f"{url}/health") == 200, 60)
            body = {
                "model": demo_model.ALIAS,
                "max_tokens": 4,
                "messages": [{"role": "user", "content": "Say hello."}],
            }
            answer = httpx2.post(f"{url}/v1/messages", json=body, timeout=60).json()
        finally:
            process.kill()
            process.wait()
        assert answer["model"] == demo_model.ALIAS
        assert answer["usage"]["output_tokens"] > 0


class Up:
    """`manage.py up` in a folder of its own."""

    def __init__(self, var):
        self.port = programs.free_port()
        self.log = var.parent / f"up-{self.port}.log"
        environment = {
            **os.environ,
            "AIAGENTS_VAR": str(var),
            "PORT": str(self.port),
            "ANTHROPIC_BASE_URL": "http://127.0.0.1:1",
            "DJANGO_SETTINGS_MODULE": "aiagents.settings.local",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [python(), "manage.py", "up"],
                cwd=settings.BASE_DIR,
                env=environment,
                stdout=log,
                stderr=log,
                process_group=0,
            )

    def says(self, text):
        written = self.log.read_text()
        assert self.process.poll() is None or text in written, written
        return text in written

    def children(self):
        """Command lines of the direct children, by process id."""
        tasks = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = {}
        for pid in tasks.read_text().split():
            with contextlib.suppress(OSError):
                raw = Path(f"/proc/{pid}/cmdline").read_bytes()
                found[int(pid)] = raw.replace(b"\0", b" ").decode()
        return found

    def find(self, part):
        return next(
            (pid for pid, line in self.children().items() if part in line), None
        )


@pytest.fixture
def up(tmp_path):
    var = tmp_path / "var"
    started = Up(var)
    yield started
    started.process.kill()
    started.process.wait()


@pytest.mark.slow
def test_up_starts_everything_repairs_it_and_leaves_nothing(up, tmp_path):
    wait_until(lambda: up.says("Ctrl-C stops everything"), 120)
    for role in ("redis-server", "uvicorn", "worker", "beat", "manage.py sweep"):
        assert up.find(role), f"{role} is not among {up.children()}"
    assert _status(f"http://127.0.0.1:{up.port}/ready") == 200

    second = Up(tmp_path / "var")
    assert second.process.wait(30) == 1
    assert f"already running as pid {up.process.pid}" in second.log.read_text()

    before = up.find("redis-server")
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: up.find("redis-server") not in {None, before})
    wait_until(lambda: redis_server.is_ready(tmp_path / "var"))

    pids = list(up.children())
    os.killpg(up.process.pid, signal.SIGINT)
    assert up.process.wait(60) == 0
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def _status(url):
    with contextlib.suppress(httpx2.TransportError):
        return httpx2.get(url).status_code
    return 0
