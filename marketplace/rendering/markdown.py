"""How a model's Markdown becomes HTML that cannot act.

Two nets: the parser knows no HTML and only absolute web and mail links, and nh3 lets
through nothing but the tags and classes written here. Nothing is ever fetched: an image
becomes a link.
"""

import re
from collections.abc import Iterator, MutableMapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

from marketplace.rendering.plain import exact, visible

#: Longer texts are shown as they are (bytes of UTF-8).
MAX_BYTES = 200_000
#: The pages have their own `h1` and `h2`.
HEADING_SHIFT = 2
LOWEST_HEADING = 6
#: Highlighting is quadratic in some lexers; longer code stays plain (characters).
MAX_CODE_CHARS = 20_000
SCHEMES = frozenset({"http", "https", "mailto"})
ALIGNMENTS = {f"text-align:{side}": side for side in ("left", "center", "right")}

# fmt: off
_TAGS = {
    "p", "h3", "h4", "h5", "h6", "ul", "ol", "li", "em", "strong", "s", "code", "pre", "hr", "br",
    "blockquote", "table", "thead", "tbody", "tr", "th", "td", "a", "span",
}
# fmt: on
_CLASSES: dict[str, set[str]] = {
    "span": {name for name in STANDARD_TYPES.values() if name} | {"host"},
    "th": set(ALIGNMENTS.values()),
    "td": set(ALIGNMENTS.values()),
}
_HOST_TEXT = re.compile(r"(?:https?://)?([^/?#\s@\\]+)(?:[/?#]\S*)?", re.IGNORECASE)


@lru_cache(maxsize=64)
def render_markdown(text: str) -> str:
    """The HTML of a Markdown text; above MAX_BYTES the text itself in a `pre`."""
    if is_too_long(text):
        return f'<pre class="plain" tabindex="0">{exact(text)}</pre>'
    html = nh3.clean(
        _parser().render(visible(text)),
        tags=_TAGS,
        attributes={"*": set(), "a": {"href"}, "ol": {"start"}},
        allowed_classes=_CLASSES,
        url_schemes=set(SCHEMES),
        url_relative="deny",
        link_rel="nofollow noopener noreferrer",
    )
    return _focusable(html)


def is_too_long(text: str) -> bool:
    """Whether the text is shown plain because of its length."""
    return len(text) > MAX_BYTES or len(text.encode(errors="replace")) > MAX_BYTES


def _focusable(html: str) -> str:
    """Let the keyboard scroll what is wider than the page.

    A `<` of the text is `&lt;` by now, so these strings can only be tags.
    """
    table = '<div class="scroll" role="region" aria-label="Table" tabindex="0"><table>'
    html = html.replace("<table>", table).replace("</table>", "</table></div>")
    return html.replace("<pre>", '<pre tabindex="0">')


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False})
    parser.enable(["table", "strikethrough"])
    parser.validateLink = is_permitted_link  # type: ignore[method-assign] # the library's hook
    parser.core.ruler.push("ours", _ours)
    parser.add_render_rule("image", _image)
    parser.add_render_rule("fence", _code)
    return parser


def is_permitted_link(url: str) -> bool:
    """Whether `url` is absolute and leads to the web or to a mailbox."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    if parts.scheme == "mailto":
        return bool(parts.path)
    return parts.scheme in SCHEMES and bool(host) and parts.username is None


def _ours(state: StateCore) -> None:
    """Lower the headings, turn alignment into a class, say where links lead."""
    for token in state.tokens:
        if token.type in {"heading_open", "heading_close"}:
            level = min(int(token.tag[1]) + HEADING_SHIFT, LOWEST_HEADING)
            token.tag = f"h{level}"
        elif token.type in {"th_open", "td_open"} and token.attrs:
            token.attrs = {"class": ALIGNMENTS.get(str(token.attrs.get("style")), "")}
        elif token.type == "inline" and token.children:
            token.children = list(_with_hosts(token.children))


def _with_hosts(tokens: Sequence[Token]) -> Iterator[Token]:
    """Add the host behind each link whose text does not say it."""
    href, text = "", ""
    for token in tokens:
        if token.type == "link_open":
            href, text = str(token.attrs.get("href", "")), ""
        elif token.type == "image" and href:
            # A link inside a link would end the outer one.
            token = Token("text", "", 0, content=token.content)
        text += token.content
        yield token
        if token.type == "link_close":
            yield from _host_tokens(href, text)
            href = ""


def _host_tokens(href: str, text: str) -> list[Token]:
    place = _place(href)
    if _said_place(text) == place:
        return []
    return [
        Token("text", "", 0, content=" "),
        Token("host_open", "span", 1, attrs={"class": "host"}),
        Token("text", "", 0, content=f"({place})"),
        Token("host_close", "span", -1),
    ]


def _place(href: str) -> str:
    """Where a permitted link leads: the host, or the mailbox."""
    parts = urlsplit(href)
    return unquote(parts.path) if parts.scheme == "mailto" else parts.hostname or ""


def _said_place(text: str) -> str:
    """The host or mailbox that a reader would take the text for."""
    stripped = text.strip()
    if "@" in stripped and "/" not in stripped:
        return stripped.removeprefix("mailto:")
    match = _HOST_TEXT.fullmatch(stripped)
    return match[1].lower() if match else ""


def _image(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    """A link with the image's alternative text in the place of the image."""
    source = str(tokens[index].attrs.get("src", ""))
    text = tokens[index].content or "image"
    link = Token("link_open", "a", 1, attrs={"href": source})
    inside = [link, Token("text", "", 0, content=text), Token("link_close", "a", -1)]
    return renderer.renderInline([*inside, *_host_tokens(source, text)], options, env)


def _code(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    """A block of code, coloured where the language is known."""
    token = tokens[index]
    language = token.info.split(maxsplit=1)[0] if token.info.strip() else ""
    return f"<pre><code>{_coloured(token.content, language)}</code></pre>\n"


def _coloured(code: str, language: str) -> str:
    if not language or len(code) > MAX_CODE_CHARS:
        return exact(code)
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return exact(code)
    return highlight(code, lexer, HtmlFormatter(nowrap=True))
