"""What does one definition say? Frozen values of `agent.schema.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.catalogue.canonical import ordered_schema


@dataclass(frozen=True, slots=True, kw_only=True)
class InputField:
    """One field of an agent's form."""

    key: str
    label: str
    #: string text integer number boolean date enum multi list file url
    type: str
    required: bool
    help: str = ""
    default: Any = None
    options: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None
    #: Characters; of one item where the field is a list.
    max_length: int | None = None
    unit: str = ""
    accept: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "InputField":
        """The field that `data`, which has passed the schema, describes."""
        lists = {"options": (), "accept": ()} | {
            name: tuple(data[name]) for name in ("options", "accept") if name in data
        }
        return cls(**{**data, **lists})


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputContract:
    """What an answer must look like, as far as a program can check it."""

    #: markdown table json plain csv
    format: str
    sections: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    max_words: int | None = None
    json_schema: Mapping[str, Any] | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "OutputContract":
        """The contract that `data`, which has passed the schema, describes."""
        return cls(
            format=data["format"],
            sections=tuple(data.get("sections", ())),
            columns=tuple(data.get("columns", ())),
            max_words=data.get("max_words"),
            # A database may not keep the order of keys; a model answers in this order.
            json_schema=ordered_schema(data.get("json_schema")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule that an answer to a sample must keep."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An example input, with the rules that its answer must keep."""

    title: str
    input: Mapping[str, Any]
    checks: tuple[Check, ...]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Sample":
        """The sample that `data`, which has passed the schema, describes."""
        checks = tuple(Check(kind=c["kind"], value=c["value"]) for c in data["checks"])
        return cls(title=data["title"], input=data["input"], checks=checks)

    @property
    def asked_keys(self) -> tuple[str, ...]:
        """The fields that the answer must ask for; empty for a complete sample."""
        return tuple(key for c in self.checks if c.kind == "asks" for key in c.value)

    @property
    def is_incomplete(self) -> bool:
        """Whether the right answer is to ask."""
        return any(check.kind == "asks" for check in self.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """How much model the agent needs: a tier, never a model's id."""

    tier: str
    #: Empty where the profile of the tier decides.
    effort: str = ""
    max_tokens: int | None = None
    tools: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "ModelChoice":
        """The choice that `data`, which has passed the schema, describes."""
        return cls(**{**data, "tools": tuple(data.get("tools", ()))})


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One agent's text."""

    slug: str
    name: str
    purpose: str
    deliverable: str
    description: str
    tags: tuple[str, ...]
    #: low medium high
    risk: str
    inputs: tuple[InputField, ...]
    role: str
    method: tuple[str, ...]
    standards: tuple[str, ...]
    ask_when_missing: str
    output: OutputContract
    checks: tuple[str, ...]
    never: tuple[str, ...]
    handoff: str
    samples: tuple[Sample, ...]
    model: ModelChoice

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Definition":
        """The definition that `data`, which has passed the schema, describes."""
        lines = {
            name: tuple(data.get(name, ()))
            for name in ("tags", "method", "standards", "checks", "never")
        }
        parts = {
            "inputs": tuple(InputField.from_dict(field) for field in data["inputs"]),
            "output": OutputContract.from_dict(data["output"]),
            "samples": tuple(Sample.from_dict(sample) for sample in data["samples"]),
            "model": ModelChoice.from_dict(data["model"]),
            "handoff": data.get("handoff", ""),
        }
        return cls(**{**data, **lines, **parts})
