"""What a file of inputs holds, which rows are wrong, and where."""

import json

import pytest

from agents.catalogue import rows
from agents.catalogue.cells import safe_cell
from agents.catalogue.definition import InputField
from agents.errors import BadRow
from aiagents.common.errors import InvalidInput

FIELDS = [
    InputField(key="name", label="Name of the buyer", type="string", required=True),
    InputField(key="story", label="Story", type="text", required=False),
    InputField(key="count", label="Count", type="integer", required=False, min=1),
    InputField(key="rate", label="Rate", type="number", required=False),
    InputField(key="is_new", label="New", type="boolean", required=False),
    InputField(key="day", label="Day", type="date", required=False),
    InputField(key="tags", label="Tags", type="multi", required=False, options=("x", "y")),
    InputField(key="lines", label="Lines", type="list", required=False),
]  # fmt: skip


def read(text):
    return rows.read_csv(text.encode(), FIELDS)


def values(text):
    return [row.values for row in read(text).rows]


class TestCsv:
    def test_every_type_is_read(self):
        text = (
            "name,story,count,rate,is_new,day,tags,lines\r\n"
            'Ada,"two\r\nlines",3,-1.5e2,Yes,2026-11-22,x|y,"first\nsecond"\r\n'
        )
        assert values(text) == [
            {
                "name": "Ada",
                "story": "two\nlines",
                "count": 3,
                "rate": -150.0,
                "is_new": True,
                "day": "2026-11-22",
                "tags": ["x", "y"],
                "lines": ["first", "second"],
            }
        ]

    def test_an_empty_cell_was_not_given(self):
        assert values("name,story,count\nAda, ,\n") == [{"name": "Ada"}]

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_delimiters_and_the_mark_of_spreadsheets(self, delimiter):
        text = f"\ufeffname{delimiter}count\nAda{delimiter}2\n"
        assert values(text) == [{"name": "Ada", "count": 2}]

    def test_a_header_may_be_the_labels_of_the_form(self):
        text = "name OF  the buyer;Count\nAda;2\n"
        assert values(text) == [{"name": "Ada", "count": 2}]

    def test_lines_are_counted_as_an_editor_counts(self):
        text = 'name,story\nAda,"a\nb\nc"\n\n,x\nBob,y\n'
        found = read(text)
        assert [row.line for row in found.rows] == [2, 7]
        assert found.bad == [
            BadRow(line=6, field="name", reason="This field is required.")
        ]

    @pytest.mark.parametrize(
        ("row", "field"),
        [
            ("Ada,many,,", "count"),
            ("Ada,1.5,,", "count"),
            ("Ada,0,,", "count"),
            ("Ada," + "9" * 30 + ",,", "count"),
            ("Ada,,1e999,", "rate"),
            ("Ada,,nan,", "rate"),
            ('Ada,,"1,5",', "rate"),
            ("Ada,,,maybe", "is_new"),
            ("A\x00da,,,", "name"),
            ("Ada,,,,,", ""),
        ],
    )
    def test_a_bad_cell_is_named(self, row, field):
        found = read(f"name,count,rate,is_new\nBob,,,\n{row}\n")
        assert [(bad.line, bad.field) for bad in found.bad] == [(3, field)]
        assert (found.row_count, found.bad_count, len(found.rows)) == (2, 1, 1)

    @pytest.mark.parametrize(
        ("text", "field"),
        [
            ("name,wrong\nAda,1\n", "wrong"),
            ("name,\nAda,1\n", "column 2"),
            ("name,name\nAda,Bob\n", "name"),
            ("story\nx\n", "name"),
            ("", "name"),
            ("name\n", "rows"),
            ('name\n"Ada\n', "file"),
        ],
    )
    def test_a_file_that_cannot_be_read_is_refused_as_a_whole(self, text, field):
        with pytest.raises(InvalidInput) as caught:
            read(text)
        assert field in caught.value.errors

    def test_other_encodings_are_refused_with_the_line(self):
        with pytest.raises(InvalidInput, match="line 3"):
            rows.read_csv("name\nAda\nJürgen\n".encode("latin-1"), FIELDS)

    def test_a_template_is_read_back(self):
        samples = [
            {"name": "Ada", "tags": ["x"], "is_new": False, "lines": ["a", "b"]},
            {"name": "Bob", "count": 2},
        ]
        assert values(rows.template(FIELDS, samples)) == samples


class TestJsonLines:
    def test_rows_with_their_lines(self):
        text = '{"name": "Ada"}\n\n{"name": "Bob\u2028", "count": 2}'
        found = rows.read_json_lines(text.encode(), FIELDS)
        assert [(row.line, row.values["name"]) for row in found.rows] == [
            (1, "Ada"),
            (3, "Bob\u2028"),
        ]

    @pytest.mark.parametrize(
        "line",
        ['{"name": NaN}', "[1]", "7", "{", '{"name": "a", "name": "b"}', "[" * 99],
    )
    def test_a_line_that_cannot_be_read_is_a_bad_row(self, line):
        found = rows.read_json_lines(f'{{"name": "Ada"}}\n{line}\n'.encode(), FIELDS)
        assert [(bad.line, bad.field) for bad in found.bad] == [(2, "")]
        assert found.bad[0].reason

    def test_each_wrong_field_is_named(self):
        line = json.dumps({"count": 0, "other": 1})
        found = rows.read_json_lines(line.encode(), FIELDS)
        assert {bad.field for bad in found.bad} == {"name", "count", "other"}
        assert found.bad_count == 1


def test_a_file_has_an_end():
    with pytest.raises(InvalidInput, match="10000"):
        rows.read_objects([{"name": "Ada"}] * 10_001, FIELDS)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_text_that_a_spreadsheet_would_run_is_made_text(start):
    assert safe_cell(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize(
    ("value", "cell"),
    [(None, ""), (True, "true"), (-5, -5), (-0.5, -0.5), ("a=b", "a=b"), ([1], "[1]")],
)
def test_other_cells_stay_as_they_are(value, cell):
    assert safe_cell(value) == cell
