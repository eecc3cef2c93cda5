"""Which passwords are taken, and does this one match?"""

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from accounts.models import User
from aiagents.common import json as strict_json
from aiagents.common.errors import InvalidInput

MAX_CHARS = 256


def password_problems(password: str) -> list[str]:
    """What is wrong with a new password, as sentences; empty when it is taken."""
    if len(password) > MAX_CHARS:
        return [f"At most {MAX_CHARS} characters."]
    if not is_plain(password):
        return ["Holds a character that cannot be used."]
    try:
        validate_password(password)
    except ValidationError as error:
        return list(error.messages)
    return []


def matches(user: User | None, password: str) -> bool:
    """Whether `password` is `user`'s; as slow for nobody as for somebody."""
    if len(password) > MAX_CHARS or not is_plain(password):
        return False
    if user is None:
        make_password(password)
        return False
    return user.check_password(password) and user.is_active


def is_plain(text: str) -> bool:
    """Whether `text` holds neither NUL nor lone surrogates, which cannot be stored."""
    try:
        strict_json.check_text(text)
    except InvalidInput:
        return False
    return True
