"""Which rules decide here, and is their answer one?

Whatever goes wrong is no decision, and without a decision nothing is allowed.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts.policy.bundle import Bundle, read_bundle
from accounts.policy.engine import RegorusEngine
from accounts.policy.opa import OpaServer
from accounts.policy.values import Decision, Evaluator, NoDecisionError, PolicyInput
from aiagents.common import ids
from aiagents.common import json as strict_json

#: What the platform does when a decision obliges it to: the page and the API name it.
OBLIGATIONS = frozenset({"human_review"})


def decide(question: PolicyInput, *, rules: Evaluator | None = None) -> Decision:
    """The decision of `rules`, or of those in force. Raises NoDecisionError."""
    rules = rules or current_rules()
    document = question.as_dict()
    allowed, reasons, obligations = _checked(rules.evaluate(document))
    return Decision(
        id=ids.new_id(),
        allowed=allowed,
        reasons=reasons,
        obligations=obligations,
        input_digest=strict_json.digest(document),
        revision=rules.revision,
        question=question,
    )


def current_rules() -> Evaluator:
    """The OPA server of `OPA_URL`, or the files of `POLICY_DIR`. Raises NoDecisionError."""
    try:
        return _rules(
            settings.OPA_URL, settings.OPA_TIMEOUT_S, Path(settings.POLICY_DIR)
        )
    except ValueError as error:
        raise NoDecisionError(str(error)) from error


def rules_of(bundle: Bundle) -> Evaluator:
    """Other rules, to be compared with those in force."""
    return RegorusEngine(bundle)


@lru_cache(maxsize=8)
def _rules(url: str, timeout_s: float, folder: Path) -> Evaluator:
    if url:
        return OpaServer(url, timeout_s=timeout_s)
    return RegorusEngine(read_bundle(folder))


def _checked(value: Any) -> tuple[bool, tuple[str, ...], tuple[str, ...]]:
    if not isinstance(value, dict) or not isinstance(value.get("allow"), bool):
        raise NoDecisionError("no decision object")
    reasons, obligations = value.get("reasons"), value.get("obligations", [])
    if not _are_texts(reasons) or not reasons:
        raise NoDecisionError("no reasons")
    if not _are_texts(obligations) or not OBLIGATIONS.issuperset(obligations):
        raise NoDecisionError("an obligation that the platform does not know")
    return value["allow"], tuple(reasons), tuple(obligations)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
