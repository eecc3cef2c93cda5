"""Addresses of children that stay the same from start to start."""

import errno
import socket
from pathlib import Path
from urllib.parse import urlsplit

from aiagents.common import programs


def port_of(url: str) -> int:
    """The port in `url`; 0 when it names none."""
    return urlsplit(url).port or 0


def lasting_port(note: Path) -> int:
    """The port noted at the last start while it is free, else a new one."""
    noted = port_of(note.read_text().strip()) if note.is_file() else 0
    return noted if noted and is_free("127.0.0.1", noted) else programs.free_port()


def write_note(note: Path, url: str) -> str:
    """Keep `url` where every command of this machine finds it; returns it."""
    draft = note.with_suffix(".draft")
    draft.write_text(f"{url}\n")
    draft.replace(note)
    return url


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there. Raises OSError when `host` is not this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True
