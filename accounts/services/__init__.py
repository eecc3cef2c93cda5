"""Every write of accounts."""

from accounts.services.audit import (
    Deed,
    record_budget_change,
    record_deed,
    record_deeds,
    record_export,
)
from accounts.services.audit_chain import Fault, Finding, list_heads, verify_audit
from accounts.services.budgets import BudgetInput, remove_budget, set_budget
from accounts.services.denials import (
    record_denial,
    record_refusal,
    recording_denials,
)
from accounts.services.erasure import check_can_erase, erase_user
from accounts.services.guard import count_letter, counting_codes
from accounts.services.idempotency import Answer, run_once
from accounts.services.invitations import (
    NewInvitation,
    accept_invitation,
    invite,
    revoke_invitation,
)
from accounts.services.keys import NewKey, create_api_key, note_key_use, revoke_api_key
from accounts.services.passwords import password_problems
from accounts.services.people import (
    change_password,
    disable_user,
    enable_user,
    end_credentials,
    is_own_password,
    note_new_password,
    set_email,
)
from accounts.services.purge import purge_expired
from accounts.services.registration import (
    ensure_personal_team,
    ensure_superuser,
    register_from_other_site,
    register_user,
)
from accounts.services.second_factors import reset_second_factors
from accounts.services.sessions import (
    begin_session,
    end_other_sessions,
    end_session,
    forget_session,
    note_session_use,
)
from accounts.services.sign_in import (
    TokenPair,
    log_in,
    log_out,
    record_sign_in,
    record_sign_out,
    refresh_tokens,
    verify_password,
)
from accounts.services.sockets import identify
from accounts.services.spending import Charge, Settlement, reserve, settle
from accounts.services.teams import (
    change_role,
    create_team,
    remove_member,
    set_membership,
)
from accounts.services.tickets import Ticket, issue_socket_ticket, redeem_socket_ticket

__all__ = [
    "Answer",
    "BudgetInput",
    "Charge",
    "Deed",
    "Fault",
    "Finding",
    "NewInvitation",
    "NewKey",
    "Settlement",
    "Ticket",
    "TokenPair",
    "accept_invitation",
    "begin_session",
    "change_password",
    "change_role",
    "check_can_erase",
    "count_letter",
    "counting_codes",
    "create_api_key",
    "create_team",
    "disable_user",
    "enable_user",
    "end_credentials",
    "end_other_sessions",
    "end_session",
    "ensure_personal_team",
    "ensure_superuser",
    "erase_user",
    "forget_session",
    "identify",
    "invite",
    "is_own_password",
    "issue_socket_ticket",
    "list_heads",
    "log_in",
    "log_out",
    "note_key_use",
    "note_new_password",
    "note_session_use",
    "password_problems",
    "purge_expired",
    "record_budget_change",
    "record_deed",
    "record_deeds",
    "record_denial",
    "record_export",
    "record_refusal",
    "record_sign_in",
    "record_sign_out",
    "recording_denials",
    "redeem_socket_ticket",
    "refresh_tokens",
    "register_from_other_site",
    "register_user",
    "remove_budget",
    "remove_member",
    "reserve",
    "reset_second_factors",
    "revoke_api_key",
    "revoke_invitation",
    "run_once",
    "set_budget",
    "set_email",
    "set_membership",
    "settle",
    "sign_in",
    "verify_audit",
    "verify_password",
]
