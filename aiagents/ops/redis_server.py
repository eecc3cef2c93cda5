"""The Redis of `make run`: where it listens and how it is started."""

import socket
import sys
from pathlib import Path

from aiagents.common import local_state, programs
from aiagents.ops import addresses
from aiagents.ops.supervisor import Child

ANSWER_S = 1.0


class NotInstalledError(Exception):
    """There is no redis-server here."""

    def __init__(self) -> None:
        super().__init__(
            "No redis-server was found: not on PATH, not in the packages of "
            f"{sys.executable}. Install Redis, or set REDIS_URL to a running one."
        )


def child(var: Path) -> Child:
    """The server with its data and its address in `var`. Raises NotInstalledError."""
    program = programs.find_redis_server()
    if program is None:
        raise NotInstalledError
    folder = var / "redis"
    folder.mkdir(exist_ok=True)
    return Child(
        name="redis",
        command=(
            str(program),
            *_listening(var),
            *("--appendonly", "yes", "--save", ""),
            *("--maxmemory-policy", "noeviction"),
            # Its start is a page of remarks, read only when something is wrong.
            *("--dir", str(folder), "--logfile", str(log_file(var))),
            *("--loglevel", "warning"),
        ),
        is_service=True,
    )


def log_file(var: Path) -> Path:
    """What the server has to say."""
    return var / "redis" / "redis.log"


def is_ready(var: Path) -> bool:
    """Whether the server answers and has read its data back.

    By hand, because the client library takes longer to import than the server to start.
    """
    url = local_state.redis_url(var)
    port = addresses.port_of(url)
    address = ("127.0.0.1", port) if port else url.removeprefix("unix://")
    try:
        with socket.socket(socket.AF_INET if port else socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_S)
            connection.connect(address)
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False


def _listening(var: Path) -> tuple[str, ...]:
    """A unix socket, or a loopback port where its path would be too long; noted in `var`."""
    note = var / "redis.url"
    path = local_state.redis_socket(var)
    if local_state.socket_fits(path):
        note.unlink(missing_ok=True)
        return ("--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700")
    port = addresses.lasting_port(note)
    addresses.write_note(note, f"redis://127.0.0.1:{port}/0")
    return ("--port", str(port), "--bind", "127.0.0.1")
