"""Which colours highlighted code has; `python -m marketplace.rendering.code_style` prints the sheet.

`static/css/pygments.css` is the output of this module, and a test compares them. Every pair
keeps a contrast of 4.5:1 or more on `--sunken` of tokens.css.
"""

import sys
from collections.abc import Iterable

from pygments.token import STANDARD_TYPES, Token, _TokenType

#: Token → (colour on light ground, colour on dark ground, other declarations).
PALETTE: dict[_TokenType, tuple[str, str, str]] = {
    Token.Comment: ("#6B655B", "#9D9991", "font-style: italic"),
    Token.Keyword: ("#4C5FB8", "#9FADF2", ""),
    Token.Operator.Word: ("#4C5FB8", "#9FADF2", ""),
    Token.Name.Function: ("#0A6770", "#5FC3CB", ""),
    Token.Name.Class: ("#0A6770", "#5FC3CB", ""),
    Token.Name.Tag: ("#0A6770", "#5FC3CB", ""),
    Token.Name.Builtin: ("#86347A", "#E1A0D3", ""),
    Token.Name.Decorator: ("#86347A", "#E1A0D3", ""),
    Token.Name.Attribute: ("#86347A", "#E1A0D3", ""),
    Token.Name.Variable: ("#86347A", "#E1A0D3", ""),
    Token.Literal.String: ("#1A6B3C", "#74CD93", ""),
    Token.Literal.Number: ("#A0440F", "#F0995F", ""),
    Token.Generic.Deleted: ("#AD241D", "#F59B92", ""),
    Token.Generic.Inserted: ("#1A6B3C", "#74CD93", ""),
    Token.Generic.Heading: ("#1F1D1A", "#ECEAE6", "font-weight: 650"),
    Token.Generic.Emph: ("#1F1D1A", "#ECEAE6", "font-style: italic"),
    Token.Generic.Strong: ("#1F1D1A", "#ECEAE6", "font-weight: 650"),
    Token.Error: ("#AD241D", "#F59B92", ""),
}
HEAD = "/* Written by `python -m marketplace.rendering.code_style`; do not edit. */\n"


def stylesheet() -> str:
    """The rules for every class that Pygments writes and the palette covers."""
    rules = (_rule(kind, *look) for kind, look in PALETTE.items())
    body = "\n".join(f"  {rule}" for rule in rules)
    return f"{HEAD}@layer components {{\n{body}\n}}\n"


def _rule(kind: _TokenType, light: str, dark: str, other: str) -> str:
    selector = ", ".join(f"pre .{name}" for name in _classes(kind))
    extra = f" {other};" if other else ""
    return f"{selector} {{ color: light-dark({light}, {dark});{extra} }}"


def _classes(kind: _TokenType) -> Iterable[str]:
    """The classes of a token and of all below it that have no look of their own."""
    return sorted(
        name
        for token, name in STANDARD_TYPES.items()
        if name and _look_of(token) is kind
    )


def _look_of(token: _TokenType) -> _TokenType | None:
    """The nearest token of the palette at or above this one."""
    return next((kind for kind in reversed(token.split()) if kind in PALETTE), None)


if __name__ == "__main__":
    sys.stdout.write(stylesheet())
