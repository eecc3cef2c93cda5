"""Look after executions that nobody looks after, and start the rows of batches."""

import signal
import threading
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections

from agents import services
from aiagents.common import clock

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Runs until told to stop; several copies do no harm."""

    help = (
        "Recover executions that a lost worker, message or clock left behind, start the "
        "rows of batches, and ask the provider how its batches go."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """`--once` for a single look."""
        parser.add_argument("--once", action="store_true", help="look once and end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Sweep every SWEEP_SECONDS; batches have threads of their own, for they may wait."""
        shipping = Shipping()
        if options["once"]:
            for work in (_sweep, _feed, shipping.look):
                guarded(work)
            return
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        rounds = [
            threading.Thread(
                target=_repeat, args=(work, settings.BATCH_FEED_S, stopped), daemon=True
            )
            for work in (_feed, shipping.look)
        ]
        for thread in rounds:
            thread.start()
        _repeat(_sweep, settings.SWEEP_S, stopped)
        for thread in rounds:
            thread.join(timeout=settings.DRAIN_S)


def _repeat(work: Callable[[], None], seconds: float, stopped: threading.Event) -> None:
    while True:
        guarded(work)
        if stopped.wait(seconds):
            return


def guarded(work: Callable[[], None]) -> None:
    """Do one round; a failed one is followed by the next."""
    close_old_connections()
    try:
        work()
    except (OperationalError, InterfaceError) as error:
        log.warning("sweep_failed", action="sweep_failed", cause=repr(error))
    except (
        Exception
    ):  # the edge of the process: one broken batch must not end the rounds
        log.exception("sweep_broke", action="sweep_broke")
    finally:
        close_old_connections()


def _sweep() -> None:
    report = services.sweep_executions()
    if report.total:
        log.info(
            "swept", action="swept", **{f: getattr(report, f) for f in report.__slots__}
        )


def _feed() -> None:
    for batch_id in services.batches_to_feed():
        # Each for itself: one broken batch must not keep the others waiting.
        guarded(partial(_feed_one, batch_id))


def _feed_one(batch_id: uuid.UUID) -> None:
    report = services.feed_batch(batch_id, now=clock.now())
    if not report.is_empty:
        figures = {name: getattr(report, name) for name in report.__slots__}
        log.info("fed", action="fed", batch=str(batch_id), **figures)


class Shipping:
    """The provider's batches; its library is loaded when there is the first one."""

    def __init__(self) -> None:
        self._shipper: Any = None

    def look(self) -> None:
        """Take what waits for the provider one step on."""
        if not services.has_provider_work():
            return
        if self._shipper is None:
            from agents.executor import Shipper

            self._shipper = Shipper()
        self._shipper.look()
