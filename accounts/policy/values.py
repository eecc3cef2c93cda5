"""What the policy is asked, and what it answers."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

#: The `time` of a question is the beginning of this: questions that differ in nothing else
#: are one question, and a week of runs can be asked again in a moment.
TIME_STEP = dt.timedelta(minutes=15)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInput:
    """Who wants to run which agent, on what kind of data, when."""

    roles: tuple[str, ...]
    is_key: bool
    #: What an API key may do; empty for a person.
    scopes: tuple[str, ...]
    agent_slug: str
    category: str
    risk: str
    is_suspended: bool
    lane: str
    data_class: str
    at: dt.datetime
    action: str = "run"

    def as_dict(self) -> dict[str, Any]:
        """The `input` document of the Rego rules."""
        return {
            "action": self.action,
            "lane": self.lane,
            "data_class": self.data_class,
            "time": quarter_of(self.at).strftime("%Y-%m-%dT%H:%M:%SZ"),
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
    #: What the platform must do when it lets the run happen; only what it knows how to do.
    obligations: tuple[str, ...]
    #: SHA-256 of the input, so that a stored decision can be matched with its question.
    input_digest: str
    #: Which rules decided: a digest of their files, or `opa`.
    revision: str
    question: PolicyInput

    def as_record(self) -> dict[str, Any]:
        """What is stored with a run: enough to explain it and to ask its question again."""
        return {
            "reasons": list(self.reasons),
            "obligations": list(self.obligations),
            "revision": self.revision,
            "roles": sorted(self.question.roles),
            "scopes": sorted(self.question.scopes) if self.question.is_key else None,
        }


class NoDecisionError(Exception):
    """The policy has no usable answer; the message is for operators."""


class Evaluator(Protocol):
    """What evaluates the rules."""

    #: Which rules: a digest of their files, or the name of where they are.
    revision: str

    def evaluate(self, document: Mapping[str, Any]) -> Any:
        """The decision object for an `input` document. Raises NoDecisionError."""


def quarter_of(moment: dt.datetime) -> dt.datetime:
    """The beginning of the quarter of an hour, in UTC."""
    return moment.astimezone(dt.UTC) - (moment - EPOCH) % TIME_STEP
