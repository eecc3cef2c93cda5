"""What can go wrong with accounts, for a caller to mend."""

from aiagents.common.errors import Conflict


class UsernameTaken(Conflict):
    """This username is taken; choose another."""

    code = "username_taken"


class StillRunning(Conflict):
    """The first request with this Idempotency-Key is still running; ask again shortly."""

    code = "idempotency_key_in_use"
    #: Sent as `Retry-After`.
    retry_after_s = 2


class TooManyKeys(Conflict):
    """You have as many API keys as are allowed; revoke one first."""

    code = "too_many_keys"
