"""May this subject run this agent? The rules are Rego, in `accounts/policies`."""

from accounts.policy.bundle import BadPolicyError, Bundle, merged, read_bundle
from accounts.policy.deciding import decide, rules_of
from accounts.policy.values import Decision, Evaluator, NoDecisionError, PolicyInput

__all__ = [
    "BadPolicyError",
    "Bundle",
    "Decision",
    "Evaluator",
    "NoDecisionError",
    "PolicyInput",
    "decide",
    "merged",
    "read_bundle",
    "rules_of",
]
