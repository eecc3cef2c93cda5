"""What our JSON reader admits, and what it refuses before any work."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiagents.common import json as strict_json
from aiagents.common.errors import InvalidInput

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(
                st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(VALUES)
def test_reads_what_the_standard_library_writes(value):
    assert strict_json.loads(json.dumps(value).encode()) == value


@given(VALUES)
def test_the_canonical_form_is_one_for_equal_values(value):
    again = strict_json.loads(strict_json.canonical(value))
    assert strict_json.digest(again) == strict_json.digest(value)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_a_sentence(raw):
    try:
        strict_json.loads(raw)
    except InvalidInput as error:
        assert error.message.endswith(".")  # noqa: PT017 - both ways are right


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"{'a': 1}", "not valid JSON"),
        (b"\xff", "UTF-8"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b"NaN", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "-Infinity"),
        (b'{"a": 1, "a": 1}', "'a' occurs twice"),
        (b'{"a": {"b": 1, "b": 2}}', "'b' occurs twice"),
        (b'{"\\u0061": 1, "a": 2}', "'a' occurs twice"),
        (b"9223372036854775808", "64 bits"),
        (b"-9223372036854775809", "64 bits"),
        (b"1" * 5000, "64 bits"),
        (b"1e400", "too large"),
        (b"1" * 5000 + b".5", "too large"),
        (b"[" * 33 + b"]" * 33, "deeper than 32"),
        (b"[" * 100_000, "deeper than 32"),
        (b'{"a":' * 100_000, "deeper than 32"),
        (b'"\\"' + b"[" * 100_000, "not valid JSON"),
        (b'["\\u0000"]', "NUL"),
        (b'{"a\\u0000": 1}', "NUL"),
        (b'["\\ud800"]', "lone surrogate"),
        (b'{"\\udfff": 1}', "lone surrogate"),
    ],
)
def test_refuses(raw, reason):
    with pytest.raises(InvalidInput, match=reason):
        strict_json.loads(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b"[" * 32 + b"]" * 32, None),
        (b'"' + b"[{" * 500 + b'"', "[{" * 500),
        (b'"\\\\"', "\\"),
        (b'"\\"[["', '"[['),
        (b'"\\ud83d\\ude00"', "\N{GRINNING FACE}"),
        (b"1e-400", 0.0),
    ],
)
def test_admits(raw, value):
    read = strict_json.loads(raw)
    assert value is None or read == value


@pytest.mark.parametrize(
    "raw",
    [
        b'"' + b'\\"' * 1_000_000,
        b'"' + b"\\" * 1_999_999,
        b'""' * 1_000_000,
        b"[" + b"0," * 1_000_000,
        b"]" * 2_000_000,
        b'[{"' * 700_000,
    ],
    ids=lambda raw: repr(raw[:6]),
)
def test_hostile_bodies_of_two_megabytes_are_refused_within_a_second(raw):
    began = time.process_time()
    with pytest.raises(InvalidInput):
        strict_json.loads(raw)
    assert time.process_time() - began < 1


def test_names_the_field_that_holds_a_bad_character():
    with pytest.raises(InvalidInput) as caught:
        strict_json.loads(b'{"inputs": {"story": ["x", "\\u0000"]}}')
    assert list(caught.value.errors) == ["inputs"]
