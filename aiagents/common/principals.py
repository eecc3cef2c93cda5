"""Who asks: a person or one of a person's API keys."""

import datetime as dt
import uuid
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The identity on whose behalf a call is made; every queryset starts from it."""

    user_id: uuid.UUID
    username: str
    #: The team that owns what this principal creates.
    team_id: uuid.UUID
    #: Every team whose rows this principal may see.
    team_ids: tuple[uuid.UUID, ...]
    roles: frozenset[str]
    is_staff: bool = False
    #: Set when an API key asks; then `scopes` limits what it may do.
    api_key_id: uuid.UUID | None = None
    #: None means unlimited, as for a signed-in person.
    scopes: frozenset[str] | None = None
    #: The `jti` of the access token, where one was used.
    token_id: str = ""
    #: The signed-in browser, where one was used.
    session_id: uuid.UUID | None = None
    #: The person's token version when this was read; a higher one in the database ends it.
    token_version: int = 0
    #: When the credential ends by itself; None when it does not.
    expires_at: dt.datetime | None = None

    @property
    def key(self) -> str:
        """A stable text for limits and idempotency; a person and their keys share it."""
        return f"user:{self.user_id}"

    def has_scope(self, scope: str) -> bool:
        """Whether a key's scopes cover `scope`; a person has all."""
        return self.scopes is None or scope in self.scopes
