"""Every write of accounts."""

from accounts.services.audit import (
    Deed,
    record_budget_change,
    record_deed,
    record_deeds,
    record_export,
)
from accounts.services.audit_chain import Fault, Finding, list_heads, verify_audit
from accounts.services.denials import record_denial, recording_denials
from accounts.services.idempotency import Answer, run_once
from accounts.services.keys import NewKey, create_api_key, note_key_use, revoke_api_key
from accounts.services.people import (
    change_password,
    disable_user,
    enable_user,
    end_credentials,
    note_new_password,
)
from accounts.services.purge import purge_expired
from accounts.services.registration import (
    ensure_personal_team,
    ensure_superuser,
    register_user,
)
from accounts.services.sign_in import (
    TokenPair,
    log_in,
    log_out,
    record_sign_out,
    refresh_tokens,
    sign_in,
)
from accounts.services.sockets import identify
from accounts.services.teams import create_team, remove_member, set_membership
from accounts.services.tickets import Ticket, issue_socket_ticket, redeem_socket_ticket

__all__ = [
    "Answer",
    "Deed",
    "Fault",
    "Finding",
    "NewKey",
    "Ticket",
    "TokenPair",
    "change_password",
    "create_api_key",
    "create_team",
    "disable_user",
    "enable_user",
    "end_credentials",
    "ensure_personal_team",
    "ensure_superuser",
    "identify",
    "issue_socket_ticket",
    "list_heads",
    "log_in",
    "log_out",
    "note_key_use",
    "note_new_password",
    "purge_expired",
    "record_budget_change",
    "record_deed",
    "record_deeds",
    "record_denial",
    "record_export",
    "record_sign_out",
    "recording_denials",
    "redeem_socket_ticket",
    "refresh_tokens",
    "register_user",
    "remove_member",
    "revoke_api_key",
    "run_once",
    "set_membership",
    "sign_in",
    "verify_audit",
]
