"""Bring the database up to date."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from agents.management.progress import ProgressLine
from aiagents.common.errors import DomainError
from aiagents.ops import setting_up


class Command(BaseCommand):
    """Safe to repeat; says only what it changed. Ends with 1 when something is in the way."""

    help = (
        "Apply migrations, load the catalogue when its files changed, and make the first "
        "administrator (DJANGO_SUPERUSER_USERNAME, _PASSWORD, _EMAIL; else `admin` with a "
        "random password, printed once)."
    )
    # `make check` runs them; here they would delay every start.
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """One call."""
        try:
            with ProgressLine(self.stdout, what="catalogue files") as progress:
                done = setting_up.set_up(var=settings.VAR_DIR, on_progress=progress)
        except DomainError as error:
            raise CommandError(error.message) from error
        for line in report(done):
            self.stdout.write(line)


def report(done: setting_up.Done) -> list[str]:
    """What a person should know of it."""
    lines = ["The database is up to date."] if done.migrated else []
    if loaded := done.catalogue:
        lines += [f"Catalogue: {problem}" for problem in loaded.errors]
        lines += [
            f"Catalogue: {slug} was changed in its file and in the database; it stays."
            for slug in loaded.conflicts
        ]
    new = done.administrator
    if new.is_new:
        kept = new.kept
        secret = f" with the password {kept.read_text().strip()}" if kept else ""
        lines.append(f"First administrator: {new.username}{secret}")
    return lines
