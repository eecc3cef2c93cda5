"""Every write of accounts."""

from accounts.services.idempotency import Answer, run_once
from accounts.services.invitations import (
    NewInvitation,
    accept_invitation,
    invite,
    revoke_invitation,
)
from accounts.services.keys import NewKey, create_api_key, note_key_use, revoke_api_key
from accounts.services.people import (
    change_password,
    disable_user,
    enable_user,
    end_credentials,
)
from accounts.services.purge import purge_expired
from accounts.services.registration import (
    ensure_personal_team,
    ensure_superuser,
    register_user,
)
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
    refresh_tokens,
    sign_in,
)
from accounts.services.sockets import identify
from accounts.services.teams import (
    change_role,
    create_team,
    remove_member,
    set_membership,
)
from accounts.services.tickets import Ticket, issue_socket_ticket, redeem_socket_ticket

__all__ = [
    "Answer",
    "NewInvitation",
    "NewKey",
    "Ticket",
    "TokenPair",
    "accept_invitation",
    "begin_session",
    "change_password",
    "change_role",
    "create_api_key",
    "create_team",
    "disable_user",
    "enable_user",
    "end_credentials",
    "end_other_sessions",
    "end_session",
    "ensure_personal_team",
    "ensure_superuser",
    "forget_session",
    "identify",
    "invite",
    "issue_socket_ticket",
    "log_in",
    "log_out",
    "note_key_use",
    "note_session_use",
    "purge_expired",
    "redeem_socket_ticket",
    "refresh_tokens",
    "register_user",
    "remove_member",
    "revoke_api_key",
    "revoke_invitation",
    "run_once",
    "set_membership",
    "sign_in",
]
