"""Write the definitions in the database back into files."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from agents import services


class Command(BaseCommand):
    """After a load it changes no byte."""

    help = (
        "Write the newest text of every agent into topic files. Files that already hold it "
        "are left alone, and nothing is deleted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """`--folder` for another place than the shipped catalogue."""
        parser.add_argument(
            "--folder",
            type=Path,
            default=settings.CATALOGUE_DIR,
            help="where to write (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Export and report."""
        report = services.export_catalogue(folder=options["folder"])
        for path in report.written:
            self.stdout.write(f"{path}: written")
        self.stdout.write(
            f"{len(report.written)} written, {report.unchanged} unchanged"
        )
