"""What a test process starts with: a clean environment, a folder and a Redis of its own."""

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

from aiagents.testing.redis_server import RedisServer

#: What the product reads and a developer's shell may hold; a test sets what it needs.
FORGOTTEN_PREFIXES = (
    "AIAGENTS_", "ANTHROPIC_", "CONSUL_", "DJANGO_", "KAFKA_", "OPA_", "POLICY_", "QDRANT_", "RATE_LIMIT_", "VAULT_",
)  # fmt: skip
FORGOTTEN = frozenset({
    "ALLOWED_HOSTS", "BROKER_URL", "CACHE_URL", "CORS_ALLOWED_ORIGINS", "DATABASE_REPLICA_URL", "DATABASE_URL", "DEBUG",
    "DEFAULT_MONTHLY_BUDGET_USD", "LOG_LEVEL", "LOGIN_LIMIT_PER_MINUTE", "MAX_REQUEST_BYTES", "REDIS_URL",
    "SECRETS_DIR", "SECRET_KEY", "SECRET_KEY_FALLBACKS", "SIGNUP_LIMIT_PER_HOUR", "TEAM_MAX_RUNNING", "WORKER_CONCURRENCY",
    "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "http_proxy", "https_proxy",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSession:
    """The things of one test process."""

    folder: Path
    redis: RedisServer

    @classmethod
    def begin(cls) -> Self:
        """Forget, make the folder, start Redis, and tell the settings by the environment."""
        forget()
        # Short, because a unix socket's path has a limit.
        folder = Path(tempfile.mkdtemp(prefix="aiagents-test-"))
        (folder / "static").mkdir()
        server = RedisServer(folder / "redis").start()
        os.environ["AIAGENTS_VAR"] = str(folder)
        os.environ["TEST_REDIS_URL"] = server.url
        os.environ["TEST_DATABASE_NAME"] = _database_name(folder)
        return cls(folder=folder, redis=server)

    def end(self) -> None:
        """Stop Redis and remove the folder."""
        self.redis.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


SESSION = pytest.StashKey[TestSession]()


def forget() -> None:
    """Remove from the environment what would change what the product does."""
    for name in list(os.environ):
        plain = name.removesuffix("_FILE")
        if plain in FORGOTTEN or plain.startswith(FORGOTTEN_PREFIXES):
            del os.environ[name]


def _database_name(folder: Path) -> str:
    """Unique to the process, so that runs side by side do not meet."""
    if os.environ.get("TEST_DATABASE_URL", "sqlite:").startswith("sqlite:"):
        return str(folder / "test.sqlite3")
    return f"test_aiagents_{os.getpid()}"


def python() -> str:
    """The interpreter for children of a test."""
    return sys.executable
