"""The values of a trial: what is asked, what each check said, what it took."""

import uuid
from dataclasses import dataclass
from decimal import Decimal

from agents.catalogue.definition import Check, Sample
from aiagents.common import json as strict_json

#: Judged by a model; every other kind is judged by a rule.
RUBRIC = "rubric"
MAX_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalCase:
    """One sample of one version."""

    version_id: uuid.UUID
    slug: str
    sample: Sample
    #: SHA-256 of the sample as canonical JSON.
    sample_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one check said about one answer."""

    kind: str
    #: The rule in short.
    rule: str
    #: None where it could not be judged, which is neither good nor bad.
    passed: bool | None
    reason: str

    @property
    def is_deterministic(self) -> bool:
        """Whether the same answer always gets the same verdict."""
        return self.kind != RUBRIC


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One sample, asked and judged."""

    case: EvalCase
    provider: str
    #: As the service named it; empty when it never answered.
    model: str
    #: Empty where nothing was left to a judge.
    judge_model: str
    #: SHA-256 of the system prompt, as in the lineage of a run.
    prompt_digest: str
    #: SHA-256 of the answer's text; empty when there was none.
    answer_digest: str
    verdicts: tuple[Verdict, ...]
    cost_usd: Decimal
    duration_ms: int
    #: Why there was no answer to judge; an `ErrorCode`, else empty.
    error_code: str = ""

    def count(self, passed: bool | None) -> int:  # noqa: FBT001 - the verdict itself
        """How many checks said so."""
        return sum(verdict.passed is passed for verdict in self.verdicts)

    @property
    def breaks_a_rule(self) -> bool:
        """Whether a check that needs no model failed."""
        return any(v.passed is False and v.is_deterministic for v in self.verdicts)


def verdict(check: Check, passed: bool | None, reason: str) -> Verdict:  # noqa: FBT001 - the verdict itself
    """What `check` said; its words are cut and made storable."""
    return Verdict(
        kind=check.kind,
        rule=short(check.value),
        passed=passed,
        reason=short(reason),
    )


def short(value: object) -> str:
    """A rule or a reason in one line that every database stores."""
    text = value if isinstance(value, str) else strict_json.canonical(value).decode()
    bare = text.replace("\x00", "").encode("utf-8", "replace").decode()
    return bare if len(bare) <= MAX_SHOWN else f"{bare[: MAX_SHOWN - 1]}…"
