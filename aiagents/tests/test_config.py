"""Variables: every form is read, every bad value is named and never echoed."""

import pytest

from aiagents.common import config
from aiagents.common.config import ConfigError

NAME = "EXAMPLE_VALUE"


@pytest.fixture
def given(monkeypatch):
    def give(value, name=NAME):
        monkeypatch.setenv(name, value)

    return give


class TestSources:
    def test_a_missing_one_is_the_default(self):
        assert config.text(NAME, "there") == "there"
        assert config.words(NAME, ("a",)) == ("a",)
        assert config.integer(NAME, 7) == 7
        assert config.boolean(NAME, default=True) is True
        assert config.url(NAME, "redis://x", schemes=("redis",)) == "redis://x"

    def test_an_empty_one_is_the_default(self, given):
        given("  ")
        assert config.text(NAME, "there") == "there"
        assert config.integer(NAME, 7) == 7

    def test_a_file_named_by_another_variable(self, given, tmp_path):
        (tmp_path / "secret").write_text("from a file\n")
        given(str(tmp_path / "secret"), f"{NAME}_FILE")
        assert config.text(NAME) == "from a file"

    def test_a_file_in_the_folder_of_secrets(self, given, tmp_path):
        (tmp_path / NAME).write_text("mounted\n")
        given(str(tmp_path), "SECRETS_DIR")
        assert config.text(NAME) == "mounted"
        assert config.text("ANOTHER", "absent") == "absent"

    def test_the_variable_itself_wins(self, given, tmp_path):
        (tmp_path / NAME).write_text("mounted")
        given(str(tmp_path), "SECRETS_DIR")
        given("direct")
        assert config.text(NAME) == "direct"

    def test_an_unreadable_file_stops_the_start(self, given, tmp_path):
        given(str(tmp_path / "nowhere"), f"{NAME}_FILE")
        with pytest.raises(ConfigError, match=f"{NAME}: cannot read the file"):
            config.text(NAME)

    def test_a_required_one_says_what_it_is_for(self):
        with pytest.raises(ConfigError, match=f"{NAME} is not set; it is needed for x"):
            config.required(NAME, purpose="x")


class TestForms:
    @pytest.mark.parametrize("raw", ["1", "true", "YES", "on"])
    def test_true(self, given, raw):
        given(raw)
        assert config.boolean(NAME, default=False) is True

    @pytest.mark.parametrize("raw", ["0", "False", "no", "OFF"])
    def test_false(self, given, raw):
        given(raw)
        assert config.boolean(NAME, default=True) is False

    def test_words_without_empty_ones(self, given):
        given(" a, ,b,")
        assert config.words(NAME) == ("a", "b")

    def test_numbers(self, given):
        given("2.5")
        assert config.number(NAME, 1) == 2.5

    @pytest.mark.parametrize("raw", ["redis://localhost", "unix:///var/redis.sock"])
    def test_addresses(self, given, raw):
        given(raw)
        assert config.url(NAME, schemes=("redis", "unix")) == raw


class TestBadValues:
    @pytest.mark.parametrize("raw", ["0", "11", "-1", "1.5", "ten", "1e3"])
    def test_whole_numbers(self, given, raw):
        given(raw)
        with pytest.raises(ConfigError, match="expected a whole number from 1 to 10"):
            config.integer(NAME, 5, least=1, most=10)

    @pytest.mark.parametrize("raw", ["nan", "inf", "-0.5", "x"])
    def test_numbers(self, given, raw):
        given(raw)
        with pytest.raises(ConfigError, match="expected a number from 0 to 10"):
            config.number(NAME, 5, most=10)

    @pytest.mark.parametrize("raw", ["localhost:6379", "http://x", "redis://", "redis"])
    def test_addresses(self, given, raw):
        given(raw)
        with pytest.raises(ConfigError, match="expected an address: redis://…"):
            config.url(NAME, schemes=("redis",))

    @pytest.mark.parametrize(
        "raw", ["redis://[::1", "redis://host:port/0", "redis://host:99999"]
    )
    def test_broken_addresses(self, given, raw):
        given(raw)
        with pytest.raises(ConfigError, match=NAME):
            config.url(NAME, schemes=("redis",))

    def test_the_value_is_described_but_not_shown(self, given):
        given("hunter2-secret")
        with pytest.raises(ConfigError) as caught:
            config.integer(NAME, 5)
        assert "hunter2" not in str(caught.value)
        assert "text of 14 characters" in str(caught.value)


class TestNamedSecrets:
    def read(self):
        return config.named_secrets(NAME, least_chars=4)

    def test_in_their_order(self, given):
        given("new:abcd, old:ef:gh")
        assert self.read() == (("new", "abcd"), ("old", "ef:gh"))

    def test_none(self):
        assert self.read() == ()

    @pytest.mark.parametrize("value", ["abcd", ":abcd", "a:abc", "a:abcd,a:efgh", "a:"])
    def test_refuses_and_never_echoes(self, given, value):
        given(value)
        with pytest.raises(ConfigError) as refused:
            self.read()
        assert value not in str(refused.value)
