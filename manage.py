#!/usr/bin/env python
"""Django's command line; local mode unless DJANGO_SETTINGS_MODULE says otherwise."""

import os
import sys


def main() -> int:
    """Run one command; a bad variable ends with its name instead of a trace."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiagents.settings.local")
    from aiagents.common.config import ConfigError

    try:
        if sys.argv[1:] == ["up"]:
            # Without Django: the supervisor is there at once and stays small.
            from aiagents.ops.local import main as up

            return up()
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except ConfigError as error:
        print(f"Configuration: {error}", file=sys.stderr)
        return 78  # EX_CONFIG of sysexits.h
    return 0


if __name__ == "__main__":
    sys.exit(main())
