"""Access tokens as values: what is written, and all that is not read."""

import base64
import datetime as dt
import json
from typing import Any

import jwt
import pytest

from accounts import tokens
from aiagents.common.errors import Unauthenticated
from aiagents.common.ids import new_id

NOW = dt.datetime(2026, 1, 15, 12, 0, tzinfo=dt.UTC)
(KEY,) = tokens.derived_keys(["a secret of the platform"])
FAMILY = new_id()


def token(**changes):
    values: dict[str, Any] = {
        "user_id": new_id(),
        "jti": tokens.new_jti(FAMILY),
        "version": 3,
        "issued_at": NOW,
        "expires_at": NOW + dt.timedelta(hours=1),
    }
    return tokens.AccessToken(**(values | changes))


def claims(**changes):
    seconds = int(NOW.timestamp())
    good = {
        "typ": "access",
        "sub": str(new_id()),
        "jti": tokens.new_jti(FAMILY),
        "ver": 0,
        "iat": seconds,
        "exp": seconds + 3600,
        "iss": "aiagents",
        "aud": "aiagents-api",
    }
    return {name: value for name, value in (good | changes).items() if value is not ...}


def encode(payload, *, key=KEY.secret, algorithm="HS256", headers=None):
    named = {"kid": KEY.id} | (headers or {})
    return jwt.encode(payload, key, algorithm=algorithm, headers=named)


def read(text, *, keys=(KEY,), now=NOW):
    return tokens.read(text, keys=keys, now=now)


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def unsigned(algorithm, signature=""):
    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims())}.{signature}"


def test_reads_what_it_wrote():
    written = token()
    assert read(tokens.write(written, key=KEY)) == written


def test_the_example_claims_are_good():
    """Else the table below would prove nothing."""
    assert read(encode(claims()))


SECONDS = int(NOW.timestamp())
BAD = {
    "algorithm none": unsigned("none"),
    "algorithm None": unsigned("None"),
    "no signature": unsigned("HS256"),
    "another signature": unsigned("HS256", "c2lnbmF0dXJl"),
    "another key": encode(claims(), key="another key of good length, 32 bytes"),
    "another algorithm": encode(claims(), key=KEY.secret * 2, algorithm="HS512"),
    "without the name of a key": jwt.encode(claims(), KEY.secret, algorithm="HS256"),
    "name of an unknown key": encode(claims(), headers={"kid": "another"}),
    "a path as the name of a key": encode(claims(), headers={"kid": "../../dev/null"}),
    "critical header": encode(claims(), headers={"crit": ["x"], "x": 1}),
    "expired now": encode(claims(exp=SECONDS)),
    "expired a second ago": encode(claims(exp=SECONDS - 1)),
    "exp as text": encode(claims(exp=str(SECONDS + 60))),
    "exp as fraction": encode(claims(exp=SECONDS + 60.5)),
    "exp true": encode(claims(exp=True)),
    "exp beyond any year": encode(claims(exp=10**18)),
    "exp negative": encode(claims(exp=-1)),
    "no exp": encode(claims(exp=...)),
    "exp null": encode(claims(exp=None)),
    "iat a day ahead": encode(claims(iat=SECONDS + 86400, exp=SECONDS + 90000)),
    "iat as text": encode(claims(iat=str(SECONDS))),
    "no iat": encode(claims(iat=...)),
    "nbf ahead": encode(claims(nbf=SECONDS + 60)),
    "foreign audience": encode(claims(aud="another-api")),
    "no audience": encode(claims(aud=...)),
    "foreign issuer": encode(claims(iss="somebody")),
    "no issuer": encode(claims(iss=...)),
    "refresh type": encode(claims(typ="refresh")),
    "no type": encode(claims(typ=...)),
    "no jti": encode(claims(jti=...)),
    "jti of another form": encode(claims(jti="1")),
    "no subject": encode(claims(sub=...)),
    "subject no id": encode(claims(sub="admin")),
    "no version": encode(claims(ver=...)),
    "version true": encode(claims(ver=True)),
    "version as text": encode(claims(ver="0")),
    "empty": "",
    "no JWT": "x",
    "dots": "..",
    "not ASCII": "ä.ö.ü",
    "64 KB": "a" * 65536,
    "padded": encode(claims()) + "=",
    "with a line break": encode(claims()) + "\n",
    "no object": f"{part({'alg': 'HS256'})}.{part([1])}.x",
    "an opaque token": tokens.new_opaque("art"),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_refuses(text):
    with pytest.raises(Unauthenticated):
        read(text)


def test_another_clock_may_be_a_minute_ahead():
    ahead = encode(claims(iat=SECONDS + 60))
    assert read(ahead)
    with pytest.raises(Unauthenticated):
        read(encode(claims(iat=SECONDS + 61)))


def test_lives_until_its_last_second():
    text = encode(claims(exp=SECONDS + 10))
    assert read(text, now=NOW + dt.timedelta(seconds=9.9))
    with pytest.raises(Unauthenticated):
        read(text, now=NOW + dt.timedelta(seconds=10))


def test_the_name_tells_the_family():
    assert tokens.family_of(tokens.new_jti(FAMILY)) == FAMILY
    assert tokens.family_of("no name") is None


def test_the_signing_key_is_not_the_secret():
    (other,) = tokens.derived_keys(["another secret"])
    assert other.secret != KEY.secret
    assert len(KEY.secret) == 64
    assert KEY.secret not in repr(KEY)


class TestRotation:
    OLD, NEW = tokens.named_keys([("2026-05", "o" * 32), ("2026-11", "n" * 32)])

    def test_a_token_names_its_key(self):
        header = jwt.get_unverified_header(tokens.write(token(), key=self.NEW))
        assert header["kid"] == "2026-11"

    def test_every_known_key_verifies(self):
        for key in (self.OLD, self.NEW):
            written = token()
            text = tokens.write(written, key=key)
            assert read(text, keys=[self.NEW, self.OLD]) == written

    def test_a_key_that_was_taken_out_verifies_nothing(self):
        with pytest.raises(Unauthenticated):
            read(tokens.write(token(), key=self.OLD), keys=[self.NEW])

    def test_a_token_cannot_borrow_the_name_of_another_key(self):
        text = encode(claims(), key=self.OLD.secret, headers={"kid": self.NEW.id})
        with pytest.raises(Unauthenticated):
            read(text, keys=[self.NEW, self.OLD])

    def test_equal_secrets_in_other_places_are_other_keys(self):
        """A secret is a key for tokens only after it was made one."""
        (named,) = tokens.named_keys([("x", "o" * 32)])
        assert named.secret != "o" * 32
