"""May this subject run this agent? The rules are Rego, beside their tests."""

from accounts.policy.engine import decide
from accounts.policy.values import Decision, PolicyInput

__all__ = ["Decision", "PolicyInput", "decide"]
