"""What an agent's form lets through, in sentences and as JSON Schema alike."""

import pytest
from jsonschema import Draft202012Validator

from agents.catalogue import forms
from agents.catalogue.definition import Definition, InputField


def field(kind, *, required=True, **more):
    """One field of a type with what it needs."""
    needs = {
        "enum": {"options": ("a", "b")},
        "multi": {"options": ("a", "b")},
        "file": {"accept": ("pdf",)},
    }
    given = needs.get(kind, {}) | more
    return InputField(key="it", label="It", type=kind, required=required, **given)


GOOD = [
    (field("string"), "words"),
    (field("string", required=False), ""),
    (field("string", max_length=5), "12345"),
    (field("text"), "x" * 20_000),
    (field("text"), "\u202eabc"),
    (field("integer", min=0, max=10), 10),
    (field("integer"), 3.0),
    (field("number", min=0.5), 0.5),
    (field("number"), -2),
    (field("boolean"), False),
    (field("date"), "2024-02-29"),
    (field("enum"), "a"),
    (field("multi"), ["b", "a"]),
    (field("multi", required=False), []),
    (field("list"), ["one", "two"]),
    (field("list", required=False), []),
    (field("file"), "the pasted text of a file"),
    (field("url"), "https://example.com/a?b=c#d"),
    (field("url"), "http://localhost:8080"),
]
BAD = [
    (field("string"), ""),
    (field("string"), "   \t"),
    (field("string"), "\u200b\u200d"),
    (field("string"), "\u202e"),
    (field("string"), "\u2066\u2069 \ufeff"),
    (field("string"), "x" * 501),
    (field("string", max_length=5), "123456"),
    (field("string"), 5),
    (field("string"), None),
    (field("text"), "x" * 20_001),
    (field("text"), ["a"]),
    (field("integer"), True),
    (field("integer"), "3"),
    (field("integer"), 2.5),
    (field("integer", min=0, max=10), 11),
    (field("integer", min=0, max=10), -1),
    (field("number"), "1.5"),
    (field("number"), False),
    (field("boolean"), "true"),
    (field("boolean"), 1),
    (field("date"), "29.02.2024"),
    (field("date"), "2024-2-9"),
    (field("date"), "2024-01-01T00:00:00"),
    (field("date"), 20240101),
    (field("enum"), "c"),
    (field("enum"), ""),
    (field("enum"), ["a"]),
    (field("multi"), "a"),
    (field("multi"), ["a", "a"]),
    (field("multi"), ["c"]),
    (field("multi"), []),
    (field("list"), "one\ntwo"),
    (field("list"), []),
    (field("list"), [" "]),
    (field("list"), ["ok", 5]),
    (field("list"), ["x"] * 501),
    (field("list"), ["x" * 501]),
    (field("file"), {"name": "a.pdf"}),
    (field("file"), "x" * 60_001),
    (field("url"), "ftp://example.com"),
    (field("url"), "javascript:alert(1)"),
    (field("url"), "https://exa mple.com"),
    (field("url"), "https://"),
    (field("url"), "https://" + "x" * 2_000),
]


class TestValidate:
    @pytest.mark.parametrize(("one", "value"), GOOD)
    def test_lets_through(self, one, value):
        assert forms.validate([one], {"it": value}) == {}
        assert Draft202012Validator(forms.input_schema([one])).is_valid({"it": value})

    @pytest.mark.parametrize(("one", "value"), BAD)
    def test_refuses_as_the_schema_does(self, one, value):
        problems = forms.validate([one], {"it": value})
        assert list(problems) == ["it"]
        assert problems["it"][0].endswith((".", "]"))
        assert not Draft202012Validator(forms.input_schema([one])).is_valid(
            {"it": value}
        )

    @pytest.mark.parametrize(
        ("one", "value"),
        [
            (field("date"), "2023-02-29"),
            (field("url"), "https://:80/"),
            (field("url"), "https://[::1"),
            (field("string"), "a\x00b"),
            (field("text"), "a\ud800b"),
            (field("number"), float("nan")),
            (field("number"), float("inf")),
        ],
    )
    def test_refuses_what_a_schema_cannot_say(self, one, value):
        assert list(forms.validate([one], {"it": value})) == ["it"]

    def test_names_missing_and_unknown_fields(self):
        problems = forms.validate([field("string")], {"other": "x"})
        assert problems == {
            "other": ["Unknown field. Known: it."],
            "it": ["This field is required."],
        }

    def test_requires_nothing_of_a_partial_form(self):
        assert forms.validate([field("string")], {}, partial=True) == {}
        assert forms.validate([field("string")], {"it": " "}, partial=True) == {}
        assert "it" in forms.validate([field("integer")], {"it": "3"}, partial=True)
        assert "no" in forms.validate([field("integer")], {"no": 3}, partial=True)

    def test_says_limits_as_people_write_them(self):
        problems = forms.validate([field("integer", max=1_000_000)], {"it": 2_000_000})
        assert problems == {"it": ["At most 1000000 is expected."]}

    def test_names_the_line_of_a_list(self):
        problems = forms.validate([field("list")], {"it": ["good", ""]})
        assert problems == {"it": ["Line 2: This field must not be blank."]}


class TestInputSchema:
    def test_is_a_schema_that_allows_nothing_else(self, shelf):
        definition = Definition.from_dict(shelf.agent())
        schema = forms.input_schema(definition.inputs)
        Draft202012Validator.check_schema(schema)
        assert schema["additionalProperties"] is False
        assert schema["required"] == [
            "party",
            "goods",
            "origin",
            "destination",
            "duties_by",
        ]
        assert schema["properties"]["goods"]["title"] == "Goods and packing"
        assert schema["properties"]["mode"]["enum"][0] == "road"

    def test_tells_unit_default_and_file_kinds(self):
        fields = [
            InputField(
                key="a", label="A", type="number", required=False, default=3, unit="kg"
            ),
            InputField(
                key="b",
                label="B",
                type="file",
                required=False,
                accept=("pdf",),
                help="Scan.",
            ),
        ]
        parts = forms.input_schema(fields)["properties"]
        assert parts["a"]["description"] == "In kg."
        assert parts["a"]["default"] == 3
        assert parts["b"]["description"] == "Scan. Paste the text of the file (pdf)."


class TestDefinition:
    def test_holds_every_part(self, shelf):
        data = shelf.agent()
        definition = Definition.from_dict(data)
        assert definition.slug == data["slug"]
        assert definition.method == tuple(data["method"])
        assert definition.model.tier == "standard"
        assert definition.model.max_tokens == 4000
        assert definition.output.sections == tuple(data["output"]["sections"])
        assert definition.samples[1].asked_keys == ("goods", "destination")
        assert [sample.is_incomplete for sample in definition.samples] == [False, True]

    def test_fills_what_may_be_left_out(self, shelf):
        data = shelf.agent()
        del data["handoff"], data["standards"]
        data["model"] = {"tier": "fast"}
        definition = Definition.from_dict(data)
        assert (definition.handoff, definition.standards) == ("", ())
        assert (definition.model.effort, definition.model.max_tokens) == ("", None)
