"""One `up` per state folder."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class AlreadyRunningError(Exception):
    """Another `up` holds the folder."""


@contextlib.contextmanager
def only_one(var: Path) -> Iterator[None]:
    """Hold `var` for this process; the kernel lets go when it dies.

    Raises AlreadyRunningError with the process that holds it.
    """
    with (var / "up.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            pid = file.read().strip()
            message = f"already running as pid {pid} in {var}; AIAGENTS_VAR chooses another folder"
            raise AlreadyRunningError(message) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
