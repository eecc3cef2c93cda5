"""Numbers, moments and forms as people read and type them."""

import datetime as dt
from decimal import Decimal

import pytest

from marketplace import forms
from marketplace.rendering import figures

FIELDS = [
    {"key": "name", "label": "Name", "type": "string", "required": True},
    {"key": "story", "label": "Story", "type": "text", "required": False},
    {"key": "count", "label": "Count", "type": "integer", "required": False, "min": 1, "max": 9},
    {"key": "rate", "label": "Rate", "type": "number", "required": False, "unit": "%"},
    {"key": "is_new", "label": "New", "type": "boolean", "required": False},
    {"key": "day", "label": "Day", "type": "date", "required": False},
    {"key": "side", "label": "Side", "type": "enum", "required": False, "options": ["a", "b"]},
    {"key": "tags", "label": "Tags", "type": "multi", "required": False, "options": ["x", "y"]},
    {"key": "lines", "label": "Lines", "type": "list", "required": False},
    {"key": "paper", "label": "Paper", "type": "file", "required": False, "accept": ["txt"]},
    {"key": "site", "label": "Site", "type": "url", "required": False},
]  # fmt: skip
VALUES = {
    "name": "Ada",
    "story": "One\ntwo",
    "count": 3,
    "rate": 1.5,
    "is_new": False,
    "day": "2026-11-22",
    "side": "b",
    "tags": ["x", "y"],
    "lines": ["first", "second"],
    "paper": "text",
    "site": "https://example.org/",
}


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (None, "—"),
        (0, "$0.00"),
        (Decimal("0.00834"), "$0.0083"),
        (Decimal("0.5"), "$0.50"),
        (Decimal("0.996"), "$1.00"),
        (Decimal("0.0000004"), "$0.00000040"),
        (Decimal("1234.5"), "$1,234.50"),
        (Decimal("-2"), "-$2.00"),
    ],
)
def test_money(usd, text):
    assert figures.money(usd) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "—"), (950, "950"), (1234, "1.2K"), (999_960, "1.0M"), (3_400_000, "3.4M")],
)
def test_tokens(count, text):
    assert figures.tokens(count) == text


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (None, "—"),
        (0.84, "840 ms"),
        (0.9996, "1.0 s"),
        (3.4, "3.4 s"),
        (59.97, "1 min 0 s"),
        (dt.timedelta(seconds=125), "2 min 5 s"),
        (3840, "1 h 4 min"),
    ],
)
def test_duration(span, text):
    assert figures.duration(span) == text


def test_a_moment_is_told_in_utc():
    zone = dt.timezone(dt.timedelta(hours=2))
    assert (
        figures.moment(dt.datetime(2026, 11, 2, 1, 5, tzinfo=zone))
        == "1 Nov 2026, 23:05 UTC"
    )


def test_every_type_of_input_is_read_back_as_it_was_shown():
    typed = forms.typed_values(FIELDS, VALUES)
    assert forms.run_values(FIELDS, typed) == VALUES


def test_browsers_line_ends_and_empty_fields_are_mended():
    typed = {
        "name": ["Ada"],
        "story": ["a\r\nb"],
        "count": [""],
        "lines": ["\r\n x \r\n"],
    }
    assert forms.run_values(FIELDS, typed) == {
        "name": "Ada",
        "story": "a\nb",
        "lines": ["x"],
    }


def test_what_cannot_be_read_stays_text_for_the_check_to_name():
    typed = {"count": ["many"], "rate": ["x"], "is_new": ["maybe"]}
    assert forms.run_values(FIELDS, typed) == {
        "count": "many",
        "rate": "x",
        "is_new": "maybe",
    }


def test_a_field_tells_its_limits_and_keeps_what_was_typed():
    fields = {one.name: one for one in forms.run_fields(FIELDS, {"count": ["77"]})}
    assert fields["count"].value == "77"
    assert fields["count"].help == "From 1 to 9."
    assert fields["count"].attributes["max"] == "9"
    assert fields["lines"].help == "One per line."
    assert fields["rate"].unit == "%"
    assert [option.label for option in fields["is_new"].options] == ["Yes", "No"]


def test_errors_find_their_field_or_the_summary():
    fields = forms.run_fields(FIELDS, {})
    errors = {"name": ["Needed."], "other": ["Unknown."]}
    assert forms.with_errors(fields, errors)[0].errors == ("Needed.",)
    assert forms.loose_errors(fields, errors) == ["Unknown."]
