"""How does a long command tell how far it is? A bar for people, lines for a log."""

from types import TracebackType
from typing import IO, Any

BAR = 30
LINES = 4


class ProgressLine:
    """Called with what is done and what there is; use as a context so that the bar is ended."""

    def __init__(self, stream: Any, *, what: str) -> None:
        """`stream` is a command's wrapped output."""
        self._stream: IO[str] = stream
        self._what = what
        self._is_tty = bool(stream.isatty())
        self._told = 0

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_tty and self._told:
            self._stream.write("")

    def __call__(self, done: int, total: int) -> None:
        """Show `done` of `total`."""
        share = done * (BAR if self._is_tty else LINES) // total
        if share == self._told and done != total:
            return
        self._told = share
        if self._is_tty:
            bar = "#" * share + "." * (BAR - share)
            self._stream.write(f"\r[{bar}] {done}/{total} {self._what}", ending="")  # type: ignore[call-arg] # Django's OutputWrapper knows it
            self._stream.flush()
        else:
            self._stream.write(f"{done}/{total} {self._what}")
