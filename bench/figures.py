"""How is a measured figure kept, compared with its floor and its aim, and printed?"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

HEADINGS = ("figure", "value", "unit", "floor", "ratio", "aim", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value; the aim is on the ratio where `aim_is_ratio`."""

    part: str
    name: str
    #: None when it could not be measured; `note` says why.
    value: float | None
    unit: str
    floor: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    aim_is_ratio: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times its floor it is."""
        if self.value is None or not self.floor:
            return None
        return self.value / self.floor

    @property
    def is_met(self) -> bool | None:
        """Whether the aim is reached; None without an aim."""
        if self.at_most is None and self.at_least is None:
            return None
        judged = self.ratio if self.aim_is_ratio else self.value
        if judged is None:
            return False
        least = -math.inf if self.at_least is None else self.at_least
        most = math.inf if self.at_most is None else self.at_most
        return least <= judged <= most

    def as_json(self) -> dict[str, Any]:
        """For `results.json`."""
        return asdict(self) | {"ratio": self.ratio, "is_met": self.is_met}


def percentile(values: Iterable[float], share: float) -> float | None:
    """The nearest-rank percentile, `share` from 0 to 1; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def most_at_once(spans: Iterable[tuple[float, float]]) -> int:
    """The largest number of `(start, end)` spans that hold at one moment."""
    steps = sorted(
        step for start, end in spans for step in ((start, 1), (end, -1))
    )  # at one moment an end comes before a start
    most = now = 0
    for _, change in steps:
        now += change
        most = max(most, now)
    return most


def per(total: float | None, count: int) -> float | None:
    """`total` divided among `count`; None of nothing."""
    return None if total is None or not count else total / count


def table(figures: Sequence[Figure]) -> str:
    """The figures in columns, a title line for each part."""
    rows = [_row(figure) for figure in figures]
    columns = zip(HEADINGS, *rows, strict=True)
    widths = [max(len(cell) for cell in column) for column in columns]
    lines = [_line(HEADINGS, widths)]
    part = ""
    for figure, row in zip(figures, rows, strict=True):
        if figure.part != part:
            part = figure.part
            lines += ["", part]
        lines.append(_line(row, widths) + (f"  {figure.note}" if figure.note else ""))
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, ...]:
    marks = {True: "met", False: "MISSED", None: ""}
    return (
        f"  {figure.name}",
        _number(figure.value),
        figure.unit,
        _number(figure.floor, absent=""),
        _number(figure.ratio, absent=""),
        _aim(figure),
        marks[figure.is_met],
    )


def _aim(figure: Figure) -> str:
    what = "ratio " if figure.aim_is_ratio else ""
    if figure.at_most is not None:
        return f"{what}<= {figure.at_most:g}"
    return f"{what}>= {figure.at_least:g}" if figure.at_least is not None else ""


def _number(value: float | None, *, absent: str = "-") -> str:
    if value is None:
        return absent
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = cells
    numbers = {1, 3, 4}
    padded = [first.ljust(widths[0])] + [
        cell.rjust(width) if place in numbers else cell.ljust(width)
        for place, (cell, width) in enumerate(
            zip(rest, widths[1:], strict=True), start=1
        )
    ]
    return "  ".join(padded).rstrip()
