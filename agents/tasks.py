"""Wake-ups: each carries an id for the log, and the database says what there is to do."""

from typing import Any

from celery import shared_task

from agents import executor


@shared_task(name="agents.run_execution")  # type: ignore[untyped-decorator] # celery has no types
def run_execution(*, execution_id: str = "", **_: Any) -> None:
    """There is something to claim."""
    if worker := executor.current():
        worker.wake()
