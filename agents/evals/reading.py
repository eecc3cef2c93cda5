"""What stands in an answer: words, headings, tables, questions.

Markdown is read by its own parser, so a heading or a table inside a code fence is code. Only a
fence around the whole answer is taken off first: models put it there to mean "here it is".
"""

import csv
import io
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from markdown_it import MarkdownIt

from agents.catalogue.definition import OutputContract

#: Formats whose headings may be lines of their own.
LOOSE_FORMATS = frozenset({"plain", "csv", "table"})
_WHOLE_FENCE = re.compile(r"\A(`{3,}|~{3,})[^\n]*\n(.*)\n\1[ \t]*\Z", re.DOTALL)
_NUMBERED = re.compile(r" {0,3}(\d{1,3})[.)]\s+(.*)")
_HEADING_NUMBER = re.compile(r"\A\(?\d{1,3}(?:\.\d{1,3})*[.):]?\s+")
_QUOTES = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00ad": None}
)
_EMPHASIS = str.maketrans("", "", "*`")
_PARSER = MarkdownIt("commonmark").enable("table").disable("inline")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """One heading, whatever its level."""

    text: str
    #: The first line after it, from 0.
    after: int
    #: The line that it begins on, from 0.
    line: int


def folded(text: str) -> str:
    """Text as a check compares it: any case, any white space, any kind of quote."""
    return " ".join(text.translate(_QUOTES).casefold().split())


def title(text: str) -> str:
    """A heading without emphasis, closing colon and marks, folded."""
    bare = text.translate(_EMPHASIS).strip().strip("#_").strip()
    return folded(bare.rstrip(":"))


def matches_title(wanted: str, heading: str) -> bool:
    """Whether a heading is the wanted one: also numbered, or with words after a mark."""
    want = title(wanted)
    bare = title(heading)
    forms = {bare, _HEADING_NUMBER.sub("", bare)}
    return any(
        form == want or re.match(rf"{re.escape(want)}\s*[:(\u2013\u2014-]", form)
        for form in forms
    )


class Answer:
    """One answer to one sample."""

    def __init__(self, text: str, *, contract: OutputContract) -> None:
        """`text` as the model gave it."""
        self.raw = text
        self.contract = contract
        whole = _WHOLE_FENCE.match(text.strip())
        self.text = whole[2] if whole else text

    @cached_property
    def lines(self) -> list[str]:
        """The lines, as the parser counts them."""
        return self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    @cached_property
    def _tokens(self) -> list[Any]:
        return list(_PARSER.parse("\n".join(self.lines)))

    @property
    def word_count(self) -> int:
        """Words; marks that stand alone are none."""
        words = self.text.split()
        return sum(any(char.isalnum() for char in word) for word in words)

    @cached_property
    def headings(self) -> list[Heading]:
        """Every heading in order; of a loose format every short line counts as one."""
        if self.contract.format in LOOSE_FORMATS:
            return [
                Heading(text=line.strip(), after=number + 1, line=number)
                for number, line in enumerate(self.lines)
                if line.strip()
            ]
        found = []
        for place, token in enumerate(self._tokens):
            if token.type == "heading_open":
                text = self._tokens[place + 1].content
                first, after = token.map
                found.append(Heading(text=text, after=after, line=first))
        return found

    @property
    def table_rows(self) -> int:
        """Body rows of all tables; of CSV the records after the first."""
        if self.contract.format == "csv":
            return max(len(self._records()) - 1, 0)
        rows, in_body = 0, False
        for token in self._tokens:
            if token.type in {"tbody_open", "tbody_close"}:
                in_body = token.type == "tbody_open"
            # A line without a bar after a table is its paragraph that lost the empty line.
            if in_body and token.type == "tr_open":
                rows += "|" in self.lines[token.map[0]]
        return rows

    def _records(self) -> list[list[str]]:
        try:
            rows = list(csv.reader(io.StringIO(self.text.strip())))
        except csv.Error:
            return []
        return [row for row in rows if any(cell.strip() for cell in row)]

    def json(self) -> Any:
        """The answer as JSON. Raises ValueError."""
        return json.loads(self.text)

    def questions(self) -> list[str] | None:
        """What it asks under the heading "Questions"; None where there is no such heading.

        An answer in JSON asks in a list of that name.
        """
        if self.contract.format == "json":
            return self._json_questions()
        place = next((h for h in self.headings if _asks(h.text)), None)
        return None if place is None else self._numbered(place)

    def _json_questions(self) -> list[str] | None:
        try:
            value = self.json()
        except (ValueError, RecursionError):
            return None
        asked = value.get("questions") if isinstance(value, dict) else None
        if not isinstance(asked, list):
            return None
        return [one if isinstance(one, str) else json.dumps(one) for one in asked]

    def _numbered(self, heading: Heading) -> list[str]:
        """Numbered lines up to the next heading, each with the lines that belong to it."""
        real = [t.map[0] for t in self._tokens if t.type == "heading_open"]
        end = min((n for n in real if n > heading.line), default=len(self.lines))
        asked: list[str] = []
        for line in self.lines[heading.after : end]:
            found = _NUMBERED.match(line)
            if found:
                asked.append(found[2])
            elif asked and line.strip():
                asked[-1] += f" {line.strip()}"
        return asked


def _asks(text: str) -> bool:
    return matches_title("Questions", text)
