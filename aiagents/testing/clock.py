"""A clock that stands still until a test moves it."""

import datetime as dt

START = dt.datetime(2026, 1, 15, 12, 0, tzinfo=dt.UTC)


class FrozenClock:
    """What `aiagents.common.clock.now` answers; the database's clock goes on."""

    def __init__(self, at: dt.datetime = START) -> None:
        self.at = at

    def now(self) -> dt.datetime:
        """The frozen moment."""
        return self.at

    def advance(self, **parts: float) -> dt.datetime:
        """Go on by `seconds=…`, `minutes=…`, `hours=…`, `days=…`; returns the new moment."""
        self.at += dt.timedelta(**parts)
        return self.at
