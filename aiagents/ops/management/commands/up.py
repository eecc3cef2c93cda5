"""Start everything on this machine and keep it running."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from aiagents.ops import local


class Command(BaseCommand):
    """Ends with 0 after Ctrl-C, with 1 when it could not start, with 78 for a bad variable."""

    help = (
        "Start Redis and the demo model where none is configured, migrate, load the "
        "catalogue, then run web, worker, beat and sweeper until Ctrl-C. "
        "HOST, PORT and AIAGENTS_VAR choose address and state folder."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Plain `manage.py up` does not come here: manage.py starts it without Django."""
        sys.exit(local.main())
