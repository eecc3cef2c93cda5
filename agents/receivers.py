"""A worker process starts its executor with Celery's consumer, and drains it at the end."""

from typing import Any

from celery.signals import worker_init, worker_shutdown, worker_shutting_down

from agents import executor


@worker_init.connect  # type: ignore[untyped-decorator] # celery has no types
def start(**_: Any) -> None:
    """Before the broker is reached: work goes on without one."""
    executor.start_executor()


@worker_shutting_down.connect  # type: ignore[untyped-decorator] # celery has no types
def stop_claiming(**_: Any) -> None:
    """At SIGTERM: claim nothing more."""
    if worker := executor.current():
        worker.begin_drain()


@worker_shutdown.connect  # type: ignore[untyped-decorator] # celery has no types
def drain(**_: Any) -> None:
    """Finish what is in flight, or give it back."""
    if worker := executor.current():
        worker.drain()
