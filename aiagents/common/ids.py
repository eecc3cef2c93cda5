"""Identifiers: time-ordered, so that an index grows at its end."""

import os
import time
import uuid


def new_id() -> uuid.UUID:
    """A UUID version 7 (RFC 9562 §5.7): 48 bits of milliseconds, then randomness."""
    millis = time.time_ns() // 1_000_000
    value = (millis << 80) | int.from_bytes(os.urandom(10), "big")
    value &= ~(0xF << 76) & ~(0x3 << 62)
    return uuid.UUID(int=value | (0x7 << 76) | (0x2 << 62))


def parse_id(text: object) -> uuid.UUID | None:
    """The UUID written canonically in `text`, or None: a malformed id is a missing one."""
    try:
        value = uuid.UUID(str(text))
    except ValueError:
        return None
    return value if str(value) == str(text).lower() else None
