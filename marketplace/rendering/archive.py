"""A ZIP that is written while it is sent: nothing of it is kept whole."""

import io
import zipfile
from collections.abc import Iterable, Iterator

#: A part is sent when it has grown to about this, in bytes.
PART_BYTES = 64 * 1024


class _Sink(io.RawIOBase):
    """Takes what zipfile writes and gives it away; it cannot seek, so zipfile does not try."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.waiting = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload] # zipfile gives bytes
        self._parts.append(part)
        self.waiting += len(part)
        return len(part)

    def taken(self) -> bytes:
        whole = b"".join(self._parts)
        self._parts.clear()
        self.waiting = 0
        return whole


def zip_parts(files: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """The bytes of an archive of `files`, pairs of name and content in pieces."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, pieces in files:
            with archive.open(name, "w", force_zip64=True) as entry:
                for piece in pieces:
                    entry.write(piece)
                    if sink.waiting > PART_BYTES:
                        yield sink.taken()
    yield sink.taken()
