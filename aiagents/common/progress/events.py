"""One numbered step of progress."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson


class ProgressType(StrEnum):
    """What a frame tells (CONTRACT §3)."""

    STATUS = "status"
    #: `data.text` is appended to the text so far.
    DELTA = "delta"
    USAGE = "usage"
    TOOL = "tool"
    #: `data.text` replaces all text so far.
    RESET = "reset"
    #: Comes once, last, with `data.status`.
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressEvent:
    """A numbered frame; `seq` starts at 1 and rises by one over all attempts."""

    seq: int
    type: ProgressType
    data: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """The frame as it goes over a socket."""
        return {"seq": self.seq, "type": self.type.value, "data": self.data}


def encode(kind: ProgressType, data: dict[str, Any]) -> bytes:
    """A frame without its number, which the append gives."""
    return orjson.dumps([kind.value, data])


def decode(seq: int, raw: bytes) -> ProgressEvent:
    """The reverse of `encode`."""
    kind, data = orjson.loads(raw)
    return ProgressEvent(seq=seq, type=ProgressType(kind), data=data)
