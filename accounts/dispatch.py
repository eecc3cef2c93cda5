"""What open connections are told once a transaction has committed."""

import uuid

from aiagents.common import rights


def announce_ended_credentials(*, user_id: uuid.UUID) -> None:
    """Some credential of this person has ended: their sockets and streams look again."""
    rights.announce_on_commit(user_id)
