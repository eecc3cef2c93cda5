"""Programs that sign in for people with a second factor, and factors that are lost."""

import pytest
from rest_framework.test import APIClient

from accounts import services
from accounts.services import guard
from accounts.tests.factories import PASSWORD, UserFactory
from accounts.tests.second_factors import (
    code_of,
    give_app,
    give_recovery_codes,
    stored_secret,
)
from aiagents.common import clock as clocks
from aiagents.common.errors import NotAllowed, NotFound, RateLimited
from aiagents.common.ids import new_id

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna():
    return UserFactory(username="Anna", password=PASSWORD)


def log_in(**more):
    body = {"username": "Anna", "password": PASSWORD} | more
    return APIClient().post("/api/v1/auth/login", body, format="json")


class TestLogIn:
    def test_without_a_factor_no_code_is_asked(self, anna):
        assert log_in().status_code == 200
        assert log_in(code="").status_code == 200

    def test_a_password_alone_is_not_enough(self, anna):
        give_app(anna)
        response = log_in()
        assert response.status_code == 401
        assert response.json()["code"] == "second_factor_required"

    def test_a_wrong_password_does_not_tell_of_the_factor(self, anna):
        give_app(anna)
        assert log_in(password="wrong").json()["code"] == "bad_credentials"

    def test_with_the_code_of_the_app_once(self, anna):
        code = code_of(give_app(anna))
        assert log_in(code=code).status_code == 200
        assert log_in(code=code).status_code == 401

    def test_a_used_code_is_remembered_for_as_long_as_a_clock_takes_it(self, anna):
        asked = {"user_id": anna.id, "code": "123456"}
        with services.counting_codes(**asked):
            """It was good."""
        with pytest.raises(RateLimited), services.counting_codes(**asked):
            """It was good again."""

    def test_with_a_recovery_code_once(self, anna):
        give_app(anna)
        code = give_recovery_codes(anna)[0]
        assert log_in(code=code).status_code == 200
        assert log_in(code=code).status_code == 401

    @pytest.mark.parametrize(
        "code", ["000", "abcdef", "\uff11\uff12\uff13\uff14\uff15\uff16", "0" * 20]
    )
    def test_no_other_code(self, anna, code):
        give_app(anna)
        assert log_in(code=code).json()["code"] == "bad_credentials"

    def test_guesses_are_limited_from_everywhere(self, anna):
        secret = give_app(anna)
        for _ in range(guard.CODES):
            assert log_in(code="x").status_code == 401
        response = log_in(code=code_of(secret))
        assert response.status_code == 429
        assert int(response["Retry-After"]) > 0

    def test_good_codes_do_not_count(self, anna):
        give_app(anna)
        for code in give_recovery_codes(anna)[: guard.CODES + 1]:
            assert log_in(code=code).status_code == 200


class TestSecrets:
    def test_are_encrypted(self, anna):
        assert give_app(anna) not in stored_secret(anna)

    def test_outlive_a_replaced_key(self, anna, settings):
        secret = give_app(anna)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another-secret-" + "y" * 50
        assert log_in(code=code_of(secret)).status_code == 200


class TestReset:
    def test_by_administrators(self, anna, administrator):
        give_app(anna)
        services.reset_second_factors(
            user_id=anna.id, by=administrator.principal, now=clocks.now()
        )
        assert log_in().status_code == 200

    def test_by_nobody_else(self, anna, owner):
        with pytest.raises(NotAllowed):
            services.reset_second_factors(
                user_id=anna.id, by=owner.principal, now=clocks.now()
            )

    def test_unknown(self, administrator):
        with pytest.raises(NotFound):
            services.reset_second_factors(
                user_id=new_id(), by=administrator.principal, now=clocks.now()
            )
