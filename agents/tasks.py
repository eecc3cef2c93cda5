"""Wake-ups: each carries an id for the log, and the database says what there is to do."""

from typing import Any

from celery import shared_task

from agents import executor, services
from aiagents.common import clock


@shared_task(name="agents.run_execution")  # type: ignore[untyped-decorator] # celery has no types
def run_execution(*, execution_id: str = "", **_: Any) -> None:
    """There is something to claim."""
    if worker := executor.current():
        worker.wake()


@shared_task(name="agents.refresh_figures")  # type: ignore[untyped-decorator] # celery has no types
def refresh_figures() -> None:
    """Measure the agents whose runs have ended."""
    services.refresh_figures(now=clock.now())
