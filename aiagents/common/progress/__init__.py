"""The numbered stream of one execution's or run's progress: append, replay, follow.

Nothing here is the truth: final text and status are in the database. The stream exists so
that a reader who comes late, or comes back, sees every event once and in order.
"""

from aiagents.common.progress.events import ProgressEvent, ProgressType
from aiagents.common.progress.follow import Outcome, closing, follow, virtual_ending
from aiagents.common.progress.groups import announcement, group_name
from aiagents.common.progress.stream import (
    Append,
    Appended,
    AsyncProgressLog,
    ProgressLog,
    lost_floor,
    retention_s,
)

__all__ = [
    "Append",
    "Appended",
    "AsyncProgressLog",
    "Outcome",
    "ProgressEvent",
    "ProgressLog",
    "ProgressType",
    "announcement",
    "closing",
    "follow",
    "group_name",
    "lost_floor",
    "retention_s",
    "virtual_ending",
]
