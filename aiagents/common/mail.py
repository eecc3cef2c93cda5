"""Sending a letter without letting the mail server decide over a request."""

import smtplib
from functools import partial

import structlog
from django.core.mail import EmailMessage
from django.db import transaction

log = structlog.get_logger(__name__)


def send_on_commit(message: EmailMessage) -> None:
    """Send once the surrounding transaction has committed; a failure is logged."""
    transaction.on_commit(partial(send, message), robust=True)


def send(message: EmailMessage) -> bool:
    """Send now; whether the mail server took it. A failure is logged, not raised.

    An answer that depended on the mail server would tell which addresses are known.
    """
    try:
        message.send()
    except (smtplib.SMTPException, OSError) as error:
        # The address belongs to a person; the log gets the cause only.
        log.warning("mail_not_sent", action="mail_not_sent", cause=type(error).__name__)
        return False
    return True
