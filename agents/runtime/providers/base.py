"""What every provider of models offers."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from agents.runtime.values import ModelCall, StreamPart


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """Where a provider finds its service, and how patient it is, in seconds."""

    base_url: str
    api_keys: tuple[str, ...]
    connect_s: float
    first_byte_s: float
    idle_s: float
    #: Calls at once in this process.
    concurrency: int


class Provider(Protocol):
    """A service that answers with a stream."""

    #: As stored with each execution.
    kind: str
    #: A very small model: short prompts, short answers, no schema.
    is_small: bool
    default_model: str
    max_tokens: int

    def stream(self, call: ModelCall) -> AsyncGenerator[StreamPart, None]:
        """Yield Started, any number of TextDelta, then Finished exactly once.

        Ends without Finished only by raising ProviderError.
        """
        ...

    def room(self) -> int:
        """How many more calls the service would take now; 0 while it asks us to wait."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
