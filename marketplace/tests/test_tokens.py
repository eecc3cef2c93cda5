"""The colours of tokens.css keep the contrasts that they promise (WCAG 2.2, 1.4.3 and 1.4.11)."""

import re

import pytest
from django.conf import settings

CSS = settings.BASE_DIR / "static" / "css"
PAIR = re.compile(r"--([a-z0-9-]+): light-dark\((#[0-9A-F]{6}), (#[0-9A-F]{6})\)")
STATUSES = (
    "queued",
    "running",
    "waiting",
    "succeeded",
    "failed",
    "cancelled",
    "timed-out",
)
GROUNDS = ("canvas", "surface", "sunken")
TEXT, CONTROL, SERIES = 4.5, 3.5, 4.3
MAX_BYTES = 60_000


def colours():
    text = (CSS / "tokens.css").read_text(encoding="utf-8")
    return {name: shades for name, *shades in PAIR.findall(text)}


def luminance(colour):
    """Relative luminance (WCAG 2.2, glossary)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    ]
    return sum(
        weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
    )


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


PAIRS = [
    *((name, ground, TEXT) for name in ("text", "muted", "faint", "accent", "danger")
      for ground in GROUNDS),
    *((status, f"{status}-soft", TEXT) for status in STATUSES),
    *(("text", f"{status}-soft", TEXT) for status in STATUSES),
    ("text", "accent-soft", TEXT),
    ("muted", "accent-soft", TEXT),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-hover", TEXT),
    ("on-danger", "danger", TEXT),
    *(("control", ground, CONTROL) for ground in GROUNDS),
    *((f"series-{n}", ground, SERIES) for n in range(1, 7) for ground in ("canvas", "surface")),
]  # fmt: skip


@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast(ink, ground, least, theme):
    known = colours()
    assert contrast(known[ink][theme], known[ground][theme]) >= least


def test_black_on_white_is_21():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)


def test_every_variable_that_is_used_exists():
    files = {path: path.read_text(encoding="utf-8") for path in CSS.glob("*.css")}
    declared = set(re.findall(r"(--[a-z0-9-]+):", "".join(files.values())))
    for path, text in files.items():
        assert set(re.findall(r"var\((--[a-z0-9-]+)", text)) <= declared, path.name


def test_style_sheets_are_small_and_plain():
    files = list(CSS.glob("*.css"))
    assert sum(path.stat().st_size for path in files) < MAX_BYTES
    for path in files:
        assert "!important" not in path.read_text(encoding="utf-8"), path.name
