"""Our own loopback server of the Messages API, which streams and misbehaves on command.

Use it through the real SDK: `Anthropic(base_url=server.base_url, api_key="k")`.
"""

from aiagents.testing.messages_server.behaviours import Behaviour
from aiagents.testing.messages_server.errors import ERRORS, ErrorAnswer
from aiagents.testing.messages_server.ledger import Call
from aiagents.testing.messages_server.markers import write_fault
from aiagents.testing.messages_server.server import MessagesServer

__all__ = [
    "ERRORS",
    "Behaviour",
    "Call",
    "ErrorAnswer",
    "MessagesServer",
    "write_fault",
]
