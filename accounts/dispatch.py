"""What is told to open connections and to mailboxes once a transaction has committed."""

import datetime as dt
import uuid
from collections.abc import Sequence
from decimal import Decimal

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from accounts.choices import Role
from aiagents.common import mail, rights


def announce_ended_credentials(*, user_id: uuid.UUID) -> None:
    """Some credential of this person has ended: their sockets and streams look again."""
    rights.announce_on_commit(user_id)


def send_invitation(
    *, to: str, team: str, role: str, by: str, link: str, until: dt.datetime
) -> None:
    """The letter of an invitation."""
    values = {"team": team, "role": Role(role).label, "by": by, "link": link}
    body = render_to_string("mail/invitation.txt", values | {"until": until})
    # A name may hold anything but a line break, which a subject may not.
    subject = " ".join(f"You are invited into the team {team}".split())
    mail.send_on_commit(EmailMessage(subject=subject, body=body, to=[to]))


def send_budget_alert(
    *,
    to: Sequence[str],
    team: str,
    budget: str,
    percent: int,
    used_usd: Decimal,
    limit_usd: Decimal,
) -> None:
    """The letter to a team's administrators about a budget that fills."""
    values = {"team": team, "budget": budget, "percent": percent}
    values |= {"used_usd": f"{used_usd:.2f}", "limit_usd": f"{limit_usd:.2f}"}
    body = render_to_string("mail/budget_alert.txt", values)
    subject = " ".join(f"{percent} % of a budget of {team} is spent".split())
    for address in to:
        mail.send_on_commit(EmailMessage(subject=subject, body=body, to=[address]))
