"""The values that pass between an agent, its model and whoever runs it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from agents.catalogue.definition import Definition


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the model's service counts them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cache_read_tokens=self.cache_read_tokens + other.cache_read_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
        )

    @property
    def prompt_tokens(self) -> int:
        """Everything that was read: fresh, from the cache and into the cache."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens, for prompts above a number of tokens."""

    id: uuid.UUID
    above_prompt_tokens: int
    input_usd: Decimal
    output_usd: Decimal
    cache_read_usd: Decimal
    cache_write_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptBlocks:
    """What prompts share: the platform's rules and one block a risk class."""

    rules: str
    risk: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPlan:
    """All that is needed to run one version, read once."""

    slug: str
    version_id: uuid.UUID
    version_number: int
    definition: Definition
    domain: str
    blocks: PromptBlocks
    #: The model that the definition's tier names today.
    model_id: str
    max_tokens: int
    effort: str
    capabilities: frozenset[str] = field(default_factory=frozenset)
    prices: tuple[Price, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One request to a model."""

    model: str
    system: str
    user: str
    max_tokens: int
    #: Empty where the model knows no such knob.
    effort: str = ""
    #: The schema that the answer must follow; None for text.
    json_schema: Mapping[str, Any] | None = None
    #: Whether progress in thinking may be summarised, so that a feed is not silent.
    thinking: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The model has begun."""

    model: str
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """More text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The model has said that it is done; without it nothing has succeeded."""

    stop_reason: str
    usage: Usage


StreamPart = Started | TextDelta | Finished
