"""How many queries does a page take? A number in a file of each app, so that it shows in review.

Use it twice in one test, with one row and with ten: both must give the number in the file.

    with query_counts("page:agent_list"):
        client.get("/")

`UPDATE_QUERY_COUNTS=1` writes what was measured. Opening and closing of transactions is left
out: it differs between databases and between a test in a transaction and one without.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from django.db import connection
from django.test.utils import CaptureQueriesContext

NOT_COUNTED = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


class QueryCounts:
    """The counts of one app, in `query_counts.json` of its tests."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._measured: dict[str, int] = {}

    @contextlib.contextmanager
    def __call__(self, key: str) -> Iterator[None]:
        """Compare the queries of the block with the number under `key` (`kind:name`)."""
        with CaptureQueriesContext(connection) as captured:
            yield
        statements = [query["sql"] for query in captured.captured_queries]
        counted = [sql for sql in statements if not sql.startswith(NOT_COUNTED)]
        self._compare(key, counted)

    def _compare(self, key: str, statements: list[str]) -> None:
        count, seen = len(statements), self._measured.setdefault(key, len(statements))
        listed = "\n".join(statements)
        assert count == seen, f"{key}: {seen} queries before, {count} now:\n{listed}"
        if os.environ.get("UPDATE_QUERY_COUNTS"):
            _write(self._path, key, count)
            return
        expected = _read(self._path).get(key)
        assert expected is not None, (
            f"{key} is not in {self._path}; UPDATE_QUERY_COUNTS=1 writes {count}."
        )
        assert count == expected, (
            f"{key}: {expected} queries expected, {count} made:\n{listed}"
        )


def _read(path: Path) -> dict[str, int]:
    counts: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    return counts


def _write(path: Path, key: str, count: int) -> None:
    with path.open("a+") as file:
        # Test processes run side by side.
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        counts = json.loads(file.read() or "{}") | {key: count}
        file.truncate(0)
        file.write(json.dumps(counts, indent=2, sort_keys=True) + "\n")
