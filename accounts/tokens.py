"""What is an access token, and is this text one of ours that still counts?

Values in, values out: whether a token was ended early is asked of the database elsewhere.
Time is compared here and not by the JWT library, because the library takes an `exp` in text
form, needs none at all, and reads a clock of its own.

Several signing keys may be known at once: each token names its own in the header as `kid`, the
first key signs and all verify, so a key is replaced without signing anybody out.
"""

import datetime as dt
import hashlib
import hmac
import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt
from rest_framework_simplejwt.backends import TokenBackend

from aiagents.common.errors import Unauthenticated
from aiagents.common.ids import parse_id

ALGORITHM = "HS256"
ISSUER = "aiagents"
AUDIENCE = "aiagents-api"
TYPE = "access"
#: How far another server's clock may be ahead.
LEEWAY = dt.timedelta(seconds=60)
MAX_CHARS = 2048
REQUIRED = ["sub", "jti", "iat", "exp", "iss", "aud", "typ", "ver"]
#: Three parts without padding (RFC 7515 §3.1); the library forgives more.
COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
JTI = re.compile(r"[0-9a-f]{32}\.[0-9a-f]{16}")
OPAQUE_BYTES = 32
KID_CHARS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A secret of access tokens."""

    #: The `kid` in the header of its tokens (RFC 7515 §4.1.4).
    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """What an access token says."""

    user_id: uuid.UUID
    #: Names the token, and before the dot the chain of refresh tokens it came from.
    jti: str
    #: The person's token version at issue; a higher one ends the token.
    version: int
    issued_at: dt.datetime
    expires_at: dt.datetime


def named_keys(pairs: Sequence[tuple[str, str]]) -> tuple[SigningKey, ...]:
    """The keys of JWT_SIGNING_KEYS, pairs of name and secret."""
    return tuple(SigningKey(id=name, secret=_derived(secret)) for name, secret in pairs)


def derived_keys(secrets_: Sequence[str]) -> tuple[SigningKey, ...]:
    """Keys made from SECRET_KEY and those before it; each is named by its digest."""
    derived = [_derived(secret) for secret in secrets_]
    return tuple(SigningKey(id=digest(one)[:KID_CHARS], secret=one) for one in derived)


def new_jti(family: uuid.UUID) -> str:
    """A name for an access token of the chain `family`."""
    return f"{family.hex}.{secrets.token_hex(8)}"


def family_of(jti: str) -> uuid.UUID | None:
    """The chain of refresh tokens an access token came from; None for any other text."""
    return uuid.UUID(jti[:32]) if JTI.fullmatch(jti) else None


def write(token: AccessToken, *, key: SigningKey) -> str:
    """The signed text of `token`."""
    payload: dict[str, Any] = {
        "typ": TYPE,
        "sub": str(token.user_id),
        "jti": token.jti,
        "ver": token.version,
        "iat": int(token.issued_at.timestamp()),
        "exp": int(token.expires_at.timestamp()),
    }
    return _Backend(key).encode(payload)


def read(text: str, *, keys: Sequence[SigningKey], now: dt.datetime) -> AccessToken:
    """The token written in `text`. Raises Unauthenticated for anything but a valid one."""
    token = _parsed(_claims(text, keys=keys))
    if token is None:
        raise Unauthenticated("The token is not valid; sign in again.")
    if token.expires_at <= now or token.issued_at > now + LEEWAY:
        raise Unauthenticated("The token is not valid at this time; sign in again.")
    return token


def new_opaque(prefix: str) -> str:
    """A random credential that says nothing: refresh tokens, tickets."""
    return f"{prefix}_{secrets.token_urlsafe(OPAQUE_BYTES)}"


def digest(credential: str) -> str:
    """What is stored of a random credential: SHA-256, in hex.

    No slow hash: 256 random bits cannot be guessed.
    """
    return hashlib.sha256(credential.encode("utf-8", "surrogatepass")).hexdigest()


class _Backend(TokenBackend):
    """simplejwt's own, which has no place for the name of the key."""

    def __init__(self, key: SigningKey) -> None:
        super().__init__(
            ALGORITHM, signing_key=key.secret, audience=AUDIENCE, issuer=ISSUER
        )
        self._key = key

    def encode(self, payload: dict[str, Any]) -> str:
        """The signed text; audience and issuer are ours."""
        claims = payload | {"aud": self.audience, "iss": self.issuer}
        named = {"kid": self._key.id}
        return jwt.encode(claims, self._key.secret, ALGORITHM, headers=named)


def _derived(secret: str) -> str:
    """A key for this purpose alone, so that nothing else signed with `secret` is a token."""
    return hmac.new(
        secret.encode(), b"accounts.access-token", hashlib.sha256
    ).hexdigest()


def _claims(text: str, *, keys: Sequence[SigningKey]) -> dict[str, Any]:
    if len(text) > MAX_CHARS or not COMPACT.fullmatch(text):
        raise Unauthenticated("The token is not valid; sign in again.")
    try:
        kid = jwt.get_unverified_header(text).get("kid")
        # `kid` only picks among our own keys; it is never an address or a path.
        secrets_ = [key.secret for key in keys if key.id == kid]
        return _verified(text, secret=secrets_[0])
    except (jwt.InvalidTokenError, IndexError) as error:
        raise Unauthenticated("The token is not valid; sign in again.") from error


def _verified(text: str, *, secret: str) -> dict[str, Any]:
    return jwt.decode(
        text,
        secret,
        algorithms=[ALGORITHM],
        audience=AUDIENCE,
        issuer=ISSUER,
        options={
            "require": REQUIRED,
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
        },
    )


def _parsed(claims: dict[str, Any]) -> AccessToken | None:
    user_id = parse_id(claims["sub"])
    jti, version = claims["jti"], claims["ver"]
    issued_at, expires_at = _moment(claims["iat"]), _moment(claims["exp"])
    if user_id is None or issued_at is None or expires_at is None or "nbf" in claims:
        return None
    if claims["typ"] != TYPE or not isinstance(jti, str) or family_of(jti) is None:
        return None
    if type(version) is not int:
        return None
    return AccessToken(
        user_id=user_id,
        jti=jti,
        version=version,
        issued_at=issued_at,
        expires_at=expires_at,
    )


def _moment(value: Any) -> dt.datetime | None:
    """Whole seconds since 1970 as a moment; text, fractions and truth values are none."""
    if type(value) is not int or not 0 <= value < 2**33:
        return None
    return dt.datetime.fromtimestamp(value, tz=dt.UTC)
