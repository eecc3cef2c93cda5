"""What must be true of the database before anybody is served, done only where it is not yet."""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from accounts import services as account_services
from agents import services as agent_services
from agents.models import Agent
from aiagents.common import clock, config
from aiagents.ops import preparation

CATALOGUE_NOTE = "catalogue.digest"
CATALOGUE_FILES = ("fixtures/**/*.yaml",)
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a set-up did."""

    migrated: bool
    #: None when neither files nor database had changed.
    catalogue: agent_services.LoadReport | None
    administrator: "Administrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """Who may sign in first."""

    username: str
    is_new: bool
    #: Where its random password is kept; None when the operator chose one.
    kept: Path | None


def set_up(*, var: Path, on_progress: Progress) -> Done:
    """Migrations, catalogue, first administrator.

    Raises InvalidInput, Conflict, and the database's errors.
    """
    done = Done(
        migrated=migrate(),
        catalogue=load_catalogue(var=var, on_progress=on_progress),
        administrator=ensure_administrator(var=var),
    )
    if done.catalogue is None or _is_clean(done.catalogue):
        preparation.note_done(var)
    return done


def migrate() -> bool:
    """Apply missing migrations; whether there were any."""
    executor = MigrationExecutor(connection)
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return False
    call_command("migrate", interactive=False, verbosity=0)
    return True


def load_catalogue(
    *, var: Path, on_progress: Progress
) -> agent_services.LoadReport | None:
    """Load the definitions when the files or the database changed since the last load.

    Raises InvalidInput without a usable taxonomy. A load with problems is tried again.
    """
    note = var / CATALOGUE_NOTE
    digest = preparation.digest(CATALOGUE_FILES)
    if note.is_file() and note.read_text() == digest and Agent.objects.exists():
        return None
    report = agent_services.load_catalogue(
        folder=settings.CATALOGUE_DIR, now=clock.now(), on_progress=on_progress
    )
    if _is_clean(report):
        note.write_text(digest)
    return report


def _is_clean(report: agent_services.LoadReport) -> bool:
    return not (report.errors or report.conflicts)


def ensure_administrator(*, var: Path) -> Administrator:
    """The first administrator, from the environment, else `admin` with a random password.

    Raises InvalidInput, Conflict.
    """
    username = config.text("DJANGO_SUPERUSER_USERNAME", "admin")
    given = config.text("DJANGO_SUPERUSER_PASSWORD")
    kept = None if given else var / preparation.PASSWORD_FILE
    # Kept before it is used, so that it cannot be lost in between.
    is_draft = kept is not None and _keep_password(kept)
    password = kept.read_text().strip() if kept else given
    _, is_new = account_services.ensure_superuser(
        username=username,
        password=password,
        email=config.text("DJANGO_SUPERUSER_EMAIL"),
        now=clock.now(),
    )
    if kept and is_draft and not is_new:
        kept.unlink()
        kept = None
    return Administrator(username=username, is_new=is_new, kept=kept)


def _keep_password(path: Path) -> bool:
    """Write a random password where there is none; whether it was written now."""
    if path.is_file():
        return False
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secrets.token_urlsafe(12)}\n")
    return True
