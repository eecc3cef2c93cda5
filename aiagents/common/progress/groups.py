"""Telling readers over the channel layer that there is something new."""

import uuid
from collections.abc import Sequence
from typing import Any

from aiagents.common.progress.events import ProgressEvent, ProgressType

MESSAGE = "progress.announced"


def group_name(key: uuid.UUID) -> str:
    """The group that is told of new events of one execution or run."""
    return f"progress.{key.hex}"


def announcement(events: Sequence[ProgressEvent]) -> dict[str, Any]:
    """The message of a group; it carries the events to save its readers a look-up."""
    return {"type": MESSAGE, "events": [[e.seq, e.type.value, e.data] for e in events]}


def announced(message: dict[str, Any]) -> list[ProgressEvent]:
    """The reverse of `announcement`."""
    return [
        ProgressEvent(seq=seq, type=ProgressType(kind), data=data)
        for seq, kind, data in message["events"]
    ]
