"""What `make run` keeps in its folder, so that every command on the machine agrees."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from aiagents.common import config

BASE_DIR = Path(__file__).resolve().parent.parent.parent
#: Seconds that a worker finishes what it runs after SIGTERM, unless DRAIN_SECONDS differs.
DRAIN_S = 25
#: A unix socket's path has room for 107 bytes (unix(7), sun_path).
MAX_SOCKET_PATH = 107


def folder() -> Path:
    """AIAGENTS_VAR, else `var/` beside manage.py."""
    return Path(config.text("AIAGENTS_VAR", str(BASE_DIR / "var"))).absolute()


def secret_key(var: Path) -> str:
    """The signing key of this installation, made on first use and readable by its owner only."""
    path = var / "secret_key"
    if not path.exists():
        var.mkdir(parents=True, exist_ok=True)
        _create_once(path, secrets.token_urlsafe(64))
    return path.read_text(encoding="ascii").strip()


def _create_once(path: Path, text: str) -> None:
    # A name of its own for every caller, threads included; the link decides who was first.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as draft:
        draft.write(text)
        draft.flush()
        with contextlib.suppress(FileExistsError):
            os.link(draft.name, path)


def redis_url(var: Path) -> str:
    """Where this installation's Redis listens: as it noted, else its socket in `var`."""
    noted = var / "redis.url"
    if noted.is_file():
        return noted.read_text(encoding="utf-8").strip()
    return f"unix://{redis_socket(var)}"


def redis_socket(var: Path) -> Path:
    """The path of the Redis socket."""
    return var / "redis.sock"


def socket_fits(path: Path) -> bool:
    """Whether the operating system can bind a unix socket at `path`."""
    return len(os.fsencode(path)) <= MAX_SOCKET_PATH


def demo_model_url(var: Path) -> str:
    """Where this installation's demo model listens; empty before its first start."""
    noted = var / "demo-model.url"
    return noted.read_text(encoding="utf-8").strip() if noted.is_file() else ""
