"""What would other rules have decided?"""

import datetime as dt
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts import permissions as account_permissions
from accounts import selectors as account_selectors
from agents import selectors
from aiagents.common import clock


class Command(BaseCommand):
    """Asks rules what was asked in the last days; changes nothing."""

    help = (
        "Ask the rules of a folder what was asked in the last days, runs and denied requests "
        "alike, and list what they decide otherwise. Changes nothing. Exit code 0 when it "
        "could be tried, whatever came of it; 1 for a folder that holds no rules."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How far back, and which rules."""
        parser.add_argument("--days", type=float, default=7, help="how far back (7)")
        parser.add_argument(
            "--policies",
            type=Path,
            default=Path(settings.POLICY_DIR),
            help="folder with .rego and .json files (those in force)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Try, and list."""
        if not 0 < options["days"] <= 3660:
            raise CommandError("--days is a number above 0, at most 3660.")
        try:
            bundle = account_permissions.read_bundle(options["policies"])
        except account_permissions.BadPolicyError as error:
            raise CommandError(str(error)) from error
        since = clock.now() - dt.timedelta(days=options["days"])
        found = selectors.try_policy(
            bundle=bundle, since=since, on_progress=self._tell_progress
        )
        self._tell(found)

    def _tell_progress(self, count: int) -> None:
        self.stderr.write(f"{count} requests asked ...")

    def _tell(self, found: selectors.DryRun) -> None:
        names = account_selectors.names_of(
            change.user_id for change, _ in found.changes
        )
        for change, count in found.changes:
            who = (
                names.get(change.user_id, "somebody") if change.user_id else "somebody"
            )
            self.stdout.write(
                f"{count:6}  {change.verdict:12}  {who}{', by API key' * change.is_key}"
                f"  {change.agent}  ({change.lane}): {' '.join(change.reasons)}"
            )
        self.stdout.write(
            f"{found.asked} requests asked of revision {found.revision}: "
            f"{found.changed} would be decided otherwise."
        )
        if found.inexact:
            self.stdout.write(
                f"{found.inexact} were put together from today's roles and risk classes."
            )
