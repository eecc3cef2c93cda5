"""How text is put into HTML so that nothing in it acts and nothing of it is lost."""

import re
from html import escape

#: Embeddings, overrides and isolates (UAX #9): they let text read other than it is.
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")


def exact(text: str) -> str:
    """Escaped so that the browser's text equals `text`.

    HTML parsers turn a bare CR into LF, and one LF after `<pre>` into nothing: so CR is
    written as a reference, and the first LF as well.
    """
    escaped = escape(text).replace("\r", "&#13;")
    return f"&#10;{escaped[1:]}" if escaped.startswith("\n") else escaped


def visible(text: str) -> str:
    """The text with the marks that reorder it written out, as in `[U+202E]`."""
    return _BIDI.sub(lambda mark: f"[U+{ord(mark[0]):04X}]", text)
