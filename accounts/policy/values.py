"""What the policy is asked, and what it answers."""

import uuid
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInput:
    """Who wants to run which agent."""

    roles: tuple[str, ...]
    is_key: bool
    #: What an API key may do; empty for a person.
    scopes: tuple[str, ...]
    agent_slug: str
    category: str
    risk: str
    is_suspended: bool
    lane: str
    action: str = "run"

    def as_dict(self) -> dict[str, Any]:
        """The `input` document of the Rego rules."""
        return {
            "action": self.action,
            "lane": self.lane,
            "subject": {
                "roles": sorted(self.roles),
                "is_key": self.is_key,
                "scopes": sorted(self.scopes),
            },
            "agent": {
                "slug": self.agent_slug,
                "category": self.category,
                "risk": self.risk,
                "is_suspended": self.is_suspended,
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The policy's answer."""

    id: uuid.UUID
    allowed: bool
    #: Sentences for the person who asked; at least one.
    reasons: tuple[str, ...]
    #: SHA-256 of the input, so that a stored decision can be matched with its question.
    input_digest: str
