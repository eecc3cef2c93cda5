"""What the crash tests share: a database that is copied, quick leases, a seed that is told.

A test asks for `start_platform` and gets a running platform with a ledger; everything it started
ends with it.
"""

import contextlib
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aiagents.common import ids
from aiagents.testing import databases
from aiagents.testing.ledger import Ledger, open_ledger
from aiagents.testing.platform import Platform

#: Leases short enough to watch; everything else as in production.
QUICK = {
    "LEASE_SECONDS": "4",
    "HEARTBEAT_SECONDS": "1",
    "SWEEP_SECONDS": "0.5",
    "POLL_SECONDS": "0.5",
    "DRAIN_SECONDS": "2",
    "TEAM_MAX_RUNNING": "1000",
}
StartPlatform = Callable[..., Ledger]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything beside this file is a crash test."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.crash)


@pytest.fixture
def rng() -> random.Random:
    """Chance, with its seed printed; CRASH_SEED repeats a run."""
    seed = int(os.environ.get("CRASH_SEED", ids.new_id().int % 1_000_000))
    sys.stdout.write(f"\nseed: {seed}\n")
    return random.Random(seed)


@pytest.fixture(scope="session")
def filled_database() -> Iterator[tuple[str, str]]:
    """A server's address and the name of its migrated database that holds the catalogue."""
    with databases.postgres() as server, databases.scratch_database(server) as url:
        fill(url)
        yield server, url.rpartition("/")[2]


@pytest.fixture
def start_platform(filled_database: tuple[str, str]) -> Iterator[StartPlatform]:
    """Starts web, sweeper and workers on a database of the test's own."""
    server, template = filled_database
    with contextlib.ExitStack() as stack:

        def start(*, workers: int = 2, **env: str) -> Ledger:
            url = databases.scratch_database(server, template=template)
            return stack.enter_context(
                running(stack.enter_context(url), workers=workers, env=env)
            )

        yield start


@contextlib.contextmanager
def running(url: str, *, workers: int, env: dict[str, str]) -> Iterator[Ledger]:
    """A platform on a filled database, with a sweeper and so many workers."""
    # Short, because a unix socket's path has a limit.
    with tempfile.TemporaryDirectory(prefix="aiagents-crash-") as folder:
        given = {"DATABASE_URL": url, **QUICK, **env}
        platform = Platform.prepare(Path(folder), env=given, migrate=False)
        try:
            platform.start_sweeper()
            platform.start_web()
            platform.start_workers(workers)
            ledger = open_ledger(platform, load=False)
            yield ledger
            ledger.client.close()
        finally:
            platform.stop()


def fill(url: str) -> None:
    """Migrate a database and load the catalogue into it."""
    with tempfile.TemporaryDirectory(prefix="aiagents-crash-") as folder:
        platform = Platform.prepare(Path(folder), env={"DATABASE_URL": url})
        try:
            platform.manage("load_catalogue")
        finally:
            platform.stop()
