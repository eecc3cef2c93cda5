"""Judge the definition files by rules L01 to L17."""

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.catalogue import lint
from agents.catalogue.files import TAXONOMY
from agents.management.progress import ProgressLine

HAS_ERRORS = 1


class Command(BaseCommand):
    """Ends with 1 when an error stands; warnings are shown only."""

    help = (
        "Lint the catalogue. Each line names file, line, level (E or W), rule and agent. "
        "Exit status 1 when an E stands."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Paths to limit the answer to, and `--fix`."""
        parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
        parser.add_argument(
            "--fix", action="store_true", help="first rewrite files in canonical form"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Lint and report."""
        paths: list[Path] = options["paths"]
        root = _root_of(paths)
        if options["fix"]:
            for path in lint.rewrite_folder(root, only=paths):
                self.stdout.write(f"{path}: rewritten")
        with ProgressLine(self.stderr, what="files judged") as progress:
            found = lint.lint_folder(root, only=paths, on_progress=progress)
        for finding in found:
            self.stdout.write(str(finding))
        errors = sum(finding.level == "E" for finding in found)
        self.stdout.write(f"{errors} errors, {len(found) - errors} warnings")
        if errors:
            sys.exit(HAS_ERRORS)


def _root_of(paths: list[Path]) -> Path:
    """The catalogue that the paths belong to. Raises CommandError."""
    roots = {_catalogue_around(path) for path in paths} or {settings.CATALOGUE_DIR}
    if len(roots) > 1:
        raise CommandError("The paths belong to different catalogues.")
    root: Path = roots.pop()
    return root


def _catalogue_around(path: Path) -> Path:
    if not path.exists():
        raise CommandError(f"There is no {path}.")
    around = (path, *path.absolute().parents)
    for folder in around:
        if (folder / TAXONOMY).is_file():
            return folder
    raise CommandError(f"{path} lies in no catalogue: no {TAXONOMY} at it or above it.")
