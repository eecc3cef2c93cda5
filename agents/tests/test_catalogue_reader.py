"""Strict YAML: what is refused, and on which line."""

import pytest

from agents.catalogue.reader import read_document


class TestReadDocument:
    def test_reads_what_json_can_hold(self):
        text = "a: 1\nb: [true, 2.5, null]\nc: {d: '21:30'}\n"
        document = read_document(text)
        assert document.complaints == []
        assert document.data == {"a": 1, "b": [True, 2.5, None], "c": {"d": "21:30"}}

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("at: 21:30", "21:30 is read as int; put it in quotes"),
            ("on: 2026-11-22", "the key on needs quotes"),
            ("day: 2026-11-22", "2026-11-22 is read as timestamp; put it in quotes"),
            ("answer: no", "no is read as bool; put it in quotes"),
            ("answer: Yes", "Yes is read as bool; put it in quotes"),
            ("mask: 0x1F", "0x1F is read as int; put it in quotes"),
            ("code: 0755", "0755 is read as int; put it in quotes"),
            ("limit: .inf", ".inf is read as float; put it in quotes"),
            ("1: one", "the key 1 needs quotes"),
            ("b: !!binary aGk=", "aGk= is read as binary; put it in quotes"),
            ("first: 2", "the key first occurs twice"),
            ("again: &x {a: 1}\nmore: *x", "an alias (*) is not allowed; write it out"),
        ],
    )
    def test_refuses_what_would_be_read_as_something_else(self, line, reason):
        document = read_document(f"first: 1\n{line}\n")
        (complaint,) = document.complaints
        assert complaint.reason == reason
        assert complaint.line == 2

    def test_tells_the_line_of_a_syntax_error(self):
        document = read_document("a: 1\nb: [1, 2\nc: 3\n")
        (complaint,) = document.complaints
        assert complaint.reason.startswith("no YAML: ")
        assert complaint.line == 3

    @pytest.mark.parametrize("text", ["", "# nothing\n", "a: \x00\n", "a: \x07\n"])
    def test_refuses_what_is_no_document(self, text):
        document = read_document(text)
        assert document.data is None
        assert len(document.complaints) == 1

    def test_refuses_bottomless_nesting(self):
        document = read_document("[" * 60 + "]" * 60)
        assert [c.reason for c in document.complaints] == [
            "nested deeper than 24 levels"
        ]

    def test_tells_all_complaints_at_once(self):
        document = read_document("a: no\nb: yes\nc: 1:20\n")
        assert [complaint.line for complaint in document.complaints] == [1, 2, 3]


class TestLines:
    TEXT = "head: 1\nrows:\n  - name: a\n    parts: [x, y]\n  - name: b\n"

    @pytest.mark.parametrize(
        ("path", "line"),
        [
            ((), 1),
            (("rows",), 2),
            (("rows", 1), 5),
            (("rows", 0, "parts", 1), 4),
            (("rows", 0, "absent", "deeper"), 3),
            (("rows", 9), 2),
        ],
    )
    def test_finds_the_nearest_place(self, path, line):
        assert read_document(self.TEXT).line(path) == line

    def test_lists_the_keys_of_a_mapping(self):
        document = read_document(self.TEXT)
        assert document.key_lines(("rows", 0)) == {"name": 3, "parts": 4}
        assert document.key_lines(("rows", 7)) == {}
