"""The base value of a domain event: ids, codes and numbers, never prompts or outputs."""

import datetime as dt
import uuid
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that has happened to one aggregate."""

    #: The published name, `noun.past_participle` (CONTRACT §5).
    name: ClassVar[str]
    version: ClassVar[int] = 1
    #: The kind of thing it happened to: `execution`, `user`, `agent`.
    aggregate: ClassVar[str]

    aggregate_id: uuid.UUID
    team_id: uuid.UUID | None = None
    user_id: uuid.UUID | None = None

    def data(self) -> dict[str, Any]:
        """The fields particular to this event, ready for JSON."""
        own = [f.name for f in fields(self) if f.name not in COMMON_FIELDS]
        return {name: _plain(getattr(self, name)) for name in own}


COMMON_FIELDS = frozenset({"aggregate_id", "team_id", "user_id"})


def _plain(value: Any) -> Any:
    match value:
        case uuid.UUID() | Decimal():
            return str(value)
        case dt.datetime():
            return value.isoformat()
        case _:
            return value
