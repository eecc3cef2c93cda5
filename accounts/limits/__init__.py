"""May one more request be let through?

A sliding window: never more than `limit` in any `window_s` seconds, exact under parallel load
because one Redis script counts and adds. Without Redis the general limit is counted by each
process for itself; a limit that guards passwords refuses instead.
"""

from accounts.limits.values import Decision, Rule
from accounts.limits.window import check, check_all, check_strictly, forget

__all__ = ["Decision", "Rule", "check", "check_all", "check_strictly", "forget"]
