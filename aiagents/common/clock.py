"""The process's clock; leases and deadlines use the database's instead."""

import datetime as dt
import time


def now() -> dt.datetime:
    """The present moment, aware, in UTC."""
    return dt.datetime.now(tz=dt.UTC)  # noqa: TID251 - the one place that may ask


def monotonic() -> float:
    """Seconds of a clock that never goes back, for measuring durations."""
    return time.monotonic()
