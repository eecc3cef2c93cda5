"""`make test`: the whole suite on SQLite and then on PostgreSQL.

`python -m aiagents.testing [arguments of pytest]`. FAST=1 runs SQLite and default markers
only; CRASH=1 runs the long crash and load suites instead, on PostgreSQL. What could not run is
named. A few tests that failed run once more, alone: what passes then is named as unstable, for it
depends on the machine's load, and is a fault of the test or worse.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from aiagents.testing import databases

PYTEST = (sys.executable, "-m", "pytest", "-n", os.environ.get("TEST_PROCESSES", "2"))
#: One after the other, because they measure, and with their figures in sight.
ALONE = (sys.executable, "-m", "pytest", "-n", "0", "-s")
FAST = "not slow and not e2e and not crash and not verification"
WHOLE = "not crash and not verification"
#: One at a time and in order, for tests that failed in company.
AGAIN = (
    *(sys.executable, "-m", "pytest", "-n", "0", "-p", "no:randomly"),
    *("--last-failed", "--last-failed-no-failures", "none"),
)
#: More failures than this have a reason that a second run does not change.
MOST_UNSTABLE = 5
LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")
#: pytest: some tests failed.
FAILED = 1
#: pytest: nothing was collected, as when ARGS names tests of another kind.
NOTHING_COLLECTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one run ended."""

    database: str
    code: int
    reason: str = ""
    #: Tests that passed only when they ran alone.
    unstable: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.reason:
            return f"{self.database}: NOT RUN: {self.reason}"
        words = {0: "passed", NOTHING_COLLECTED: "no tests chosen"}
        word = words.get(self.code, f"FAILED (exit code {self.code})")
        named = "".join(f"\n  UNSTABLE: {test}" for test in self.unstable)
        return f"{self.database}: {word}{named}"


def main(arguments: list[str]) -> int:
    """Run, then name each result; 0 when everything that ran passed."""
    if os.environ.get("CRASH") == "1":
        results = [_on_postgres([*ALONE, "-m", "crash", *arguments])]
    else:
        results = _run_whole(arguments, is_fast=os.environ.get("FAST") == "1")
    print("", *results, sep="\n")  # noqa: T201 - a command
    codes = (abs(r.code) for r in results if r.code != NOTHING_COLLECTED)
    return max(codes, default=0)


def _run_whole(arguments: list[str], *, is_fast: bool) -> list[Result]:
    command = [*PYTEST, "-m", FAST if is_fast else WHOLE, *arguments]
    results = [_tested("SQLite", command)]
    return results if is_fast else [*results, _on_postgres(command)]


def _tested(database: str, command: list[str], **environment: str) -> Result:
    LAST_FAILED.unlink(missing_ok=True)
    code = _run(command, **environment)
    failed = _last_failed() if code == FAILED else ()
    if not 0 < len(failed) <= MOST_UNSTABLE:
        return Result(database=database, code=code)
    code = _run([*AGAIN], **environment)
    return Result(database=database, code=code, unstable=() if code else failed)


def _last_failed() -> tuple[str, ...]:
    try:
        return tuple(json.loads(LAST_FAILED.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return ()


def _run(command: list[str], **environment: str) -> int:
    clean = {k: v for k, v in os.environ.items() if k != "TEST_DATABASE_URL"}
    return subprocess.run(command, check=False, env=clean | environment).returncode


def _on_postgres(command: list[str]) -> Result:
    try:
        with databases.postgres() as url:
            return _tested("PostgreSQL", command, TEST_DATABASE_URL=url)
    except databases.NoPostgresError as error:
        return Result(database="PostgreSQL", code=0, reason=str(error))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
