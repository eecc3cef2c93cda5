"""Which mail addresses are taken?"""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.services.passwords import is_plain

MAX_EMAIL_CHARS = 254


def is_email(text: str) -> bool:
    """Whether `text` is an address that can be stored and written to."""
    try:
        validate_email(text)
    except ValidationError:
        return False
    return len(text) <= MAX_EMAIL_CHARS and is_plain(text)
