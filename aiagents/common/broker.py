"""How does a worker live through messages that nobody can read?

Whoever reaches the broker can put anything into a queue. The transport's own channel lets the
error of an unreadable message end the worker; ours drops the message and says so.
"""

from typing import Any

import structlog
from kombu.transport import redis

log = structlog.get_logger(__name__)
#: What reading a message raises; errors of the connection are none of these.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError)


class Channel(redis.Channel):
    """Redis's channel, without trust in what it reads."""

    def _brpop_read(self, **options: Any) -> Any:
        held = set(self.qos._delivered)  # noqa: SLF001 - the base class's own list
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except UNREADABLE as error:
            log.warning(
                "message_dropped", action="message_dropped", cause=type(error).__name__
            )
            # What was counted as taken would keep the worker from taking another.
            for tag in set(self.qos._delivered) - held:  # noqa: SLF001
                self.basic_ack(tag)  # type: ignore[no-untyped-call]
            return True


def install() -> None:
    """Use our channel for every connection to a broker on Redis."""
    redis.Transport.Channel = Channel
