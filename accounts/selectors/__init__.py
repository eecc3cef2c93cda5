"""Every read of accounts."""

from accounts.selectors.audit import list_audit, names_of
from accounts.selectors.budgets import (
    BudgetState,
    get_budget,
    list_budgets,
    own_budgets,
)
from accounts.selectors.export import own_records
from accounts.selectors.own import (
    get_api_key,
    has_password,
    list_api_keys,
    list_browser_sessions,
    list_token_chains,
    me,
)
from accounts.selectors.principals import (
    SIGN_IN_AGAIN,
    KeyHolder,
    find_current,
    find_requester,
    find_user_by_name,
    get_key_holder,
    get_token_principal,
    list_people_by_email,
    load_principal,
    signing_keys,
)
from accounts.selectors.teams import (
    find_open_invitation,
    get_team,
    list_members,
    list_open_invitations,
    list_teams,
)

__all__ = [
    "SIGN_IN_AGAIN",
    "BudgetState",
    "KeyHolder",
    "find_current",
    "find_open_invitation",
    "find_requester",
    "find_user_by_name",
    "get_api_key",
    "get_budget",
    "get_key_holder",
    "get_team",
    "get_token_principal",
    "has_password",
    "list_api_keys",
    "list_audit",
    "list_browser_sessions",
    "list_budgets",
    "list_members",
    "list_open_invitations",
    "list_people_by_email",
    "list_teams",
    "list_token_chains",
    "load_principal",
    "me",
    "names_of",
    "own_budgets",
    "own_records",
    "signing_keys",
]
