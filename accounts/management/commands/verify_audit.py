"""Check that the audit is as it was written."""

import json
import uuid
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import services


class Command(BaseCommand):
    """Reads every chain; names each entry that was changed, removed or moved."""

    help = (
        "Check the audit's hash chains. Exit code 0: as it was written; 1: it is not, and each "
        "wrong place is named. Keep the ends elsewhere (--write-heads) and compare with them "
        "(--heads): then even a chain that was cut short together with its end is found."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One chain or all; ends to compare with or to write."""
        parser.add_argument("--team", type=uuid.UUID, help="only this team's chain")
        parser.add_argument("--heads", type=Path, help="ends that were kept elsewhere")
        parser.add_argument("--write-heads", type=Path, help="where to write the ends")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check, tell, and fail when anything is wrong."""
        kept = _read_heads(options["heads"]) if options["heads"] else None
        report = services.verify_audit(chain=options["team"], kept=kept)
        for finding in report.findings:
            self.stderr.write(self.style.ERROR(str(finding)))
        if report.findings:
            raise CommandError(f"The audit was tampered with: {len(report.findings)}.")
        if options["write_heads"]:
            options["write_heads"].write_text(json.dumps(services.list_heads()))
        self.stdout.write(
            f"{report.entries} entries in {report.chains} chains are as they were written."
        )


def _read_heads(path: Path) -> dict[uuid.UUID, tuple[int, str]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {
            uuid.UUID(row["chain"]): (int(row["sequence"]), str(row["hash"]))
            for row in rows
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{path} holds no ends of chains: {error!r}") from error
