"""Bring the definition files into the database."""

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents import services
from agents.management.progress import ProgressLine
from agents.services import LoadReport
from aiagents.common import clock
from aiagents.common.errors import InvalidInput

HAS_ERRORS, HAS_CONFLICTS = 1, 2


class Command(BaseCommand):
    """Ends with 0 when all is loaded, 1 for bad definitions, 2 for conflicts."""

    help = (
        "Load the catalogue: create and update agents, publish those that were accepted. "
        "Exit status 0: all loaded; 1: some definitions are bad, the rest is loaded; "
        "2: some were changed in the files and in the database, they are left as they are."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """`--folder` for another catalogue than the shipped one."""
        parser.add_argument(
            "--folder",
            type=Path,
            default=settings.CATALOGUE_DIR,
            help="the catalogue's folder (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Load and report."""
        with ProgressLine(self.stderr, what="definition files") as progress:
            try:
                report = services.load_catalogue(
                    folder=options["folder"], now=clock.now(), on_progress=progress
                )
            except InvalidInput as error:
                raise CommandError(error.message) from error
        self._tell(report)
        if report.conflicts:
            sys.exit(HAS_CONFLICTS)
        if report.errors:
            sys.exit(HAS_ERRORS)

    def _tell(self, report: LoadReport) -> None:
        for problem in report.errors:
            self.stderr.write(f"{problem}")
        for slug in report.conflicts:
            self.stderr.write(
                f"{slug}: changed in the file and in the database; left as it is"
            )
        for slug in report.missing:
            self.stdout.write(
                f"{slug}: its file no longer holds it; it stays in the database"
            )
        self.stdout.write(
            f"{report.created} created, {report.updated} updated, {report.unchanged} "
            f"unchanged, {report.drafts} of them new drafts, {len(report.conflicts)} conflicts, "
            f"{len(report.errors)} errors in {report.seconds:.1f} s"
        )
