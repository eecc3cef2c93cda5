"""What `up` prints: whole lines, and silence when nobody reads."""

import contextlib
import sys
from typing import TextIO


class Console:
    """Lines on a stream that may go away."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self.is_terminal = self._stream.isatty()

    def line(self, text: str = "") -> None:
        """One line, at once."""
        # A closed pipe (`make run | head`) must not keep the children from being stopped.
        with contextlib.suppress(BrokenPipeError):
            self._stream.write(f"{text}\n")
            self._stream.flush()
