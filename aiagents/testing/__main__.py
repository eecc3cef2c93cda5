"""`make test`: the whole suite on SQLite and then on PostgreSQL.

`python -m aiagents.testing [arguments of pytest]`. FAST=1 runs SQLite and default markers
only; CRASH=1 runs the long crash and load suites instead, on PostgreSQL. What could not run is
named.
"""

import os
import subprocess
import sys
from dataclasses import dataclass

from aiagents.testing import databases

PYTEST = (sys.executable, "-m", "pytest", "-n", os.environ.get("TEST_PROCESSES", "2"))
#: One after the other, because they measure, and with their figures in sight.
ALONE = (sys.executable, "-m", "pytest", "-n", "0", "-s")
FAST = "not slow and not e2e and not crash and not verification"
WHOLE = "not crash and not verification"
#: pytest: nothing was collected, as when ARGS names tests of another kind.
NOTHING_COLLECTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one run ended."""

    database: str
    code: int
    reason: str = ""

    def __str__(self) -> str:
        if self.reason:
            return f"{self.database}: NOT RUN: {self.reason}"
        words = {0: "passed", NOTHING_COLLECTED: "no tests chosen"}
        return f"{self.database}: {words.get(self.code, f'FAILED (exit code {self.code})')}"


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
    results = [Result(database="SQLite", code=_run(command))]
    return results if is_fast else [*results, _on_postgres(command)]


def _run(command: list[str], **environment: str) -> int:
    clean = {k: v for k, v in os.environ.items() if k != "TEST_DATABASE_URL"}
    return subprocess.run(command, check=False, env=clean | environment).returncode


def _on_postgres(command: list[str]) -> Result:
    try:
        with databases.postgres() as url:
            code = _run(command, TEST_DATABASE_URL=url)
            return Result(database="PostgreSQL", code=code)
    except databases.NoPostgresError as error:
        return Result(database="PostgreSQL", code=0, reason=str(error))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
