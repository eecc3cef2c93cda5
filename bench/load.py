"""What does an execution cost, and how long does it wait, at fixed offered rates?"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiagents.common import clock
from bench.client import Plan, Sent, Target, send
from bench.figures import Figure, most_at_once, per, percentile
from bench.floor.measure import Floor
from bench.procfs import POSTGRES, Watch
from bench.stack import Stack

MODEL_S = 1.0
#: Which parts are ours: what an execution costs is their sum.
OURS = ("web", "worker", "sweeper")
SHOWN = (*OURS, POSTGRES, "redis")
WARM_UP_RATE, WARM_UP_S = 20.0, 3.0
#: How long the last executions of a stage may take after the last was asked for.
DRAIN_S = 60.0
RATIO_RATE, HELD_RATE = 120.0, 200.0
#: A rate is held when the queue does not grow: the last ends about when it should.
BEHIND_S = 1.0
ROWS = """
SELECT status, attempt, extract(epoch FROM created_at)::float8,
       extract(epoch FROM started_at)::float8, extract(epoch FROM finished_at)::float8
FROM agents_execution WHERE created_at >= %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the database holds of one execution; times in seconds since 1970."""

    status: str
    attempt: int
    created_s: float
    started_s: float | None
    finished_s: float | None


@dataclass(slots=True, kw_only=True)
class Stage:
    """One offered rate and what came of it."""

    rate: float
    sent: Sent
    rows: list[Row]
    #: From the first request to the last end.
    seconds: float
    unfinished: int
    cpu_ms: dict[str, float]
    peak_mb: dict[str, float]
    floor: Floor | None = field(default=None)

    @property
    def failures(self) -> int:
        """Requests not accepted, and executions that did not succeed."""
        bad = sum(row.status != "succeeded" for row in self.rows)
        lost = max(0, len(self.sent.ids) - len(self.rows))
        refused = sum(n for status, n in self.sent.statuses.items() if status != "202")
        return bad + lost + refused

    def cost(self, *parts: str) -> float | None:
        """CPU ms per execution of these parts; None when one was not measured."""
        if any(part not in self.cpu_ms for part in parts):
            return None
        return per(sum(self.cpu_ms[part] for part in parts), len(self.rows))

    def added_ms(self) -> list[float]:
        """From acceptance to the stored end, without the model's own time."""
        return [
            (row.finished_s - row.created_s - MODEL_S) * 1000
            for row in self.rows
            if row.finished_s
        ]

    def waited_ms(self) -> list[float]:
        """From acceptance to the claim."""
        return [
            (row.started_s - row.created_s) * 1000 for row in self.rows if row.started_s
        ]

    def behind_s(self) -> float | None:
        """How much later than the offer, and the model's time, the last one ended."""
        ends = [row.finished_s for row in self.rows if row.finished_s]
        if not ends or self.unfinished:
            return None
        took = max(ends) - min(row.created_s for row in self.rows)
        offered = sum(self.sent.statuses.values()) / self.rate
        return max(0.0, took - offered - MODEL_S)

    def in_flight(self) -> int:
        """The most executions that ran at one moment."""
        return most_at_once(
            (row.started_s, row.finished_s)
            for row in self.rows
            if row.started_s and row.finished_s
        )


def warm_up(stack: Stack, targets: Sequence[Target]) -> None:
    """Let each process load what it loads once."""
    run_stage(stack, targets, rate=WARM_UP_RATE, seconds=WARM_UP_S)


def run_stage(
    stack: Stack, targets: Sequence[Target], *, rate: float, seconds: float
) -> Stage:
    """Offer `rate` a second for `seconds` and wait for the end of all of it."""
    plan = Plan(
        base_url=stack.base_url, targets=targets, rate=rate, count=int(rate * seconds)
    )
    since = clock.now()
    with Watch(stack.leaders(), database_url=stack.database_url) as watch:
        sent = send(plan)
        unfinished = stack.wait_for_all(timeout_s=DRAIN_S)
    return Stage(
        rate=rate,
        sent=sent,
        rows=read_rows(stack, since),
        seconds=(clock.now() - since).total_seconds(),
        unfinished=unfinished,
        cpu_ms=watch.cpu_ms,
        peak_mb=watch.peak_mb,
    )


def read_rows(stack: Stack, since: dt.datetime) -> list[Row]:
    """The executions accepted from `since` on."""
    names = ("status", "attempt", "created_s", "started_s", "finished_s")
    rows = stack.query(ROWS, (since,))
    return [Row(**dict(zip(names, row, strict=True))) for row in rows]


def figures(stage: Stage) -> list[Figure]:
    """What is shown of a stage."""
    part = f"load: {stage.rate:g} executions/s offered, model {MODEL_S:g} s / 40 events"
    return [
        *_cost_figures(stage, part),
        *_time_figures(stage, part),
        *_health_figures(stage, part),
    ]


def _cost_figures(stage: Stage, part: str) -> list[Figure]:
    floor = stage.floor.total_ms if stage.floor else None
    is_judged = stage.rate == RATIO_RATE and floor is not None
    total = Figure(
        part=part,
        name="CPU of web, worker and sweeper",
        value=stage.cost(*OURS),
        unit="ms/execution",
        floor=floor,
        at_most=2.0 if is_judged else None,
        aim_is_ratio=is_judged,
    )
    return [total] + [
        Figure(
            part=part,
            name=f"  of it {name}" if name in OURS else f"beside it {name}",
            value=stage.cost(name),
            unit="ms/execution",
        )
        for name in SHOWN
    ]


def _time_figures(stage: Stage, part: str) -> list[Figure]:
    added, accepted = stage.added_ms(), stage.sent.latencies_ms
    aim = 100.0 if stage.rate == RATIO_RATE else None
    stream = stage.floor.stream_added_p95_ms if stage.floor else None
    values: list[tuple[str, float | None, float | None, float | None]] = [
        ("added by the platform, P50", percentile(added, 0.5), None, None),
        ("added by the platform, P95", percentile(added, 0.95), aim, stream),
        ("  of it waiting for the claim, P95", percentile(stage.waited_ms(), 0.95), None, None),
        ("accept (POST), P50", percentile(accepted, 0.5), None, None),
        ("accept (POST), P95", percentile(accepted, 0.95), 100.0, None),
    ]  # fmt: skip
    return [
        Figure(part=part, name=name, value=value, unit="ms", at_most=most, floor=floor)
        for name, value, most, floor in values
    ]


def _health_figures(stage: Stage, part: str) -> list[Figure]:
    held = 0.0 if stage.rate <= HELD_RATE else None
    figures = [
        Figure(
            part=part,
            name="executions not finished or not succeeded",
            value=stage.failures + stage.unfinished,
            unit=f"of {sum(stage.sent.statuses.values())}",
            at_most=held,
        ),
        Figure(
            part=part,
            name="last end later than the offer",
            value=stage.behind_s(),
            unit="s",
            at_most=None if held is None else BEHIND_S,
        ),
        Figure(part=part, name="in flight, most", value=stage.in_flight(), unit=""),
    ]
    memory = [
        Figure(part=part, name=f"memory of {name}, most", value=mb, unit="MB")
        for name, mb in stage.peak_mb.items()
        if name in OURS
    ]
    return [*figures, *memory]


def detail(stage: Stage) -> dict[str, Any]:
    """What `results.json` keeps of a stage beside its figures."""
    return {
        "rate": stage.rate,
        "executions": len(stage.rows),
        "seconds": stage.seconds,
        "statuses": stage.sent.statuses,
        "attempts": sum(row.attempt for row in stage.rows),
        "client_lag_p95_ms": percentile(stage.sent.lags_ms, 0.95),
        "client_cpu_ms": per(stage.sent.cpu_ms, len(stage.rows)),
        "cpu_ms": {name: per(ms, len(stage.rows)) for name, ms in stage.cpu_ms.items()},
        "peak_mb": stage.peak_mb,
        "floor": stage.floor.as_json() if stage.floor else None,
    }
