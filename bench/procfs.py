"""What have processes used? CPU and memory from /proc, PostgreSQL's backends included.

A part is a session of processes (each child is started as the leader of one), so that what a
server forks is counted with it. Needs Linux.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psycopg

TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20
PROC = Path("/proc")
POSTGRES = "postgres"
LOOK_S = 0.25
# Places after the name in /proc/PID/stat (proc(5)).
SESSION, UTIME, STIME, RSS = 3, 11, 12, 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What one process or one part has used so far."""

    cpu_ms: float = 0.0
    rss_mb: float = 0.0


def _stat(pid: int) -> list[str]:
    """The fields after the name; empty when the process is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def use_of(pid: int) -> Use | None:
    """What one process has used; None when it is gone."""
    if not (fields := _stat(pid)):
        return None
    ticks = int(fields[UTIME]) + int(fields[STIME])
    return Use(cpu_ms=ticks * TICK_MS, rss_mb=int(fields[RSS]) * PAGE_MB)


def use_of_sessions(leaders: Mapping[str, int]) -> dict[str, Use]:
    """What each part has used, by name, given the process ids of the leaders."""
    names = {leader: name for name, leader in leaders.items()}
    used = dict.fromkeys(leaders, Use())
    for pid in _all_pids():
        fields = _stat(pid)
        if not fields:
            continue
        # Redis leads no session of its own.
        if name := names.get(int(fields[SESSION])) or names.get(pid):
            one, sum_so_far = use_of(pid) or Use(), used[name]
            used[name] = Use(
                cpu_ms=sum_so_far.cpu_ms + one.cpu_ms,
                rss_mb=sum_so_far.rss_mb + one.rss_mb,
            )
    return used


def _all_pids() -> Iterator[int]:
    return (int(path.name) for path in PROC.iterdir() if path.name.isdigit())


@dataclass(slots=True)
class Backends:
    """The server processes of one database, also those that end in between."""

    database_url: str
    _first: dict[int, float] = field(default_factory=dict)
    _last: dict[int, float] = field(default_factory=dict)

    def begin(self) -> None:
        """Forget what was used before."""
        self._first.clear()
        self._last.clear()
        self._first.update(self._read())

    def look(self) -> None:
        """Note what is used now."""
        self._last.update(self._read())

    def cpu_ms(self) -> float | None:
        """Used since `begin`; None when they run on another machine."""
        if not self._first and not self._last:
            return None
        return sum(used - self._first.get(pid, 0) for pid, used in self._last.items())

    def _read(self) -> dict[int, float]:
        sql = (
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )
        with psycopg.connect(self.database_url, autocommit=True) as server:
            pids = [pid for (pid,) in server.execute(sql)]
        return {pid: use.cpu_ms for pid in pids if (use := use_of(pid))}


class Watch:
    """While in here, notes what each part uses; afterwards `cpu_ms` and `peak_mb` hold it."""

    def __init__(self, leaders: Mapping[str, int], *, database_url: str) -> None:
        """`leaders` are process ids by name of the part."""
        self._leaders = dict(leaders)
        self._backends = Backends(database_url)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self.cpu_ms: dict[str, float] = {}
        self.peak_mb: dict[str, float] = dict.fromkeys(leaders, 0.0)

    def __enter__(self) -> Self:
        self._backends.begin()
        self._before = use_of_sessions(self._leaders)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        after = self._look()
        self.cpu_ms = {
            name: use.cpu_ms - self._before[name].cpu_ms for name, use in after.items()
        }
        used = self._backends.cpu_ms()
        if used is not None:
            self.cpu_ms[POSTGRES] = used

    def _look_on(self) -> None:
        while not self._stopped.wait(LOOK_S):
            self._look()

    def _look(self) -> dict[str, Use]:
        self._backends.look()
        used = use_of_sessions(self._leaders)
        for name, use in used.items():
            self.peak_mb[name] = max(self.peak_mb[name], use.rss_mb)
        return used
