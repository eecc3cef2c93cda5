"""Copies the front-end files of other projects into `static/vendor`, or checks them."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from aiagents.ops import vendored


class Command(BaseCommand):
    """The command."""

    help = (
        "Renew static/vendor from deploy/frontend (needs npm), or compare its hashes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="compare only, no npm")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["check"]:
            for path in vendored.renew():
                self.stdout.write(str(path.relative_to(vendored.TARGET)))
            return
        found = vendored.differences()
        if found:
            raise CommandError("\n".join(found))
        self.stdout.write("static/vendor is as in vendor.json.")
