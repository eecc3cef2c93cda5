"""Does one worker process hold 1,000 executions of six seconds, and in how much memory?"""

from collections.abc import Sequence
from typing import Any

from aiagents.common import clock
from bench.client import Plan, Target, send
from bench.figures import Figure, most_at_once, per
from bench.load import read_rows
from bench.procfs import Watch
from bench.stack import Stack

COUNT = 1_000
MODEL_S = 6.0
ASK_RATE = 150.0
DRAIN_S = 90.0
PART = f"held: {COUNT:,} executions of {MODEL_S:g} s waiting for one worker"


def measure(
    stack: Stack, targets: Sequence[Target]
) -> tuple[list[Figure], dict[str, Any]]:
    """Queue all of them while no worker runs, then start one. Ends the stack's workers."""
    for part in [c for c in stack.children if c.name.startswith(("worker", "model"))]:
        stack.end(part)
    stack.start_model(seconds=MODEL_S)
    since = clock.now()
    plan = Plan(base_url=stack.base_url, targets=targets, rate=ASK_RATE, count=COUNT)
    sent = send(plan)
    stack.env["WORKER_CONCURRENCY"] = str(COUNT)
    started = clock.now()
    worker = stack.start_worker()
    leaders = {"worker": worker.process.pid}
    with Watch(leaders, database_url=stack.database_url) as watch:
        unfinished = stack.wait_for_all(timeout_s=DRAIN_S)
    rows = read_rows(stack, since)
    good = sum(row.status == "succeeded" for row in rows)
    spans = [(r.started_s, r.finished_s) for r in rows if r.started_s and r.finished_s]
    ends = [row.finished_s for row in rows if row.finished_s]
    seconds = max(ends) - started.timestamp() if ends else None
    attempts = sum(row.attempt for row in rows)
    figures = [
        _figure("in flight, most", float(most_at_once(spans)), "", least=0.9 * COUNT),
        _figure("memory of the worker, most", watch.peak_mb["worker"], "MB", most=250),
        _figure("not succeeded", float(COUNT - good), f"of {COUNT:,}", most=0),
        _figure("attempts", float(attempts), f"for {COUNT:,}", most=COUNT),
        _figure("from the worker's start to the last end", seconds, "s"),
        _figure(
            "CPU of the worker", per(watch.cpu_ms["worker"], COUNT), "ms/execution"
        ),
    ]
    detail = {"statuses": sent.statuses, "unfinished": unfinished, "rows": len(rows)}
    return figures, detail


def _figure(
    name: str,
    value: float | None,
    unit: str,
    *,
    most: float | None = None,
    least: float | None = None,
) -> Figure:
    return Figure(
        part=PART, name=name, value=value, unit=unit, at_most=most, at_least=least
    )
