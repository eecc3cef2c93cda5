"""Look after executions that nobody looks after."""

import signal
import threading
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import InterfaceError, OperationalError, close_old_connections

from agents import services

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    """Runs until told to stop; several copies do no harm."""

    help = "Recover executions that a lost worker, message or clock left behind."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--once` for a single look."""
        parser.add_argument("--once", action="store_true", help="look once and end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Sweep every SWEEP_SECONDS."""
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        while True:
            _sweep()
            if options["once"] or stopped.wait(settings.SWEEP_S):
                return


def _sweep() -> None:
    close_old_connections()
    try:
        report = services.sweep_executions()
    except (OperationalError, InterfaceError) as error:
        log.warning("sweep_failed", action="sweep_failed", cause=repr(error))
        return
    finally:
        close_old_connections()
    if report.total:
        log.info(
            "swept", action="swept", **{f: getattr(report, f) for f in report.__slots__}
        )
