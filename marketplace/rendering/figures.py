"""How are numbers, moments and values written for people?"""

import datetime as dt
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

UNKNOWN = "—"
THOUSAND = 1000
MINUTE_S = 60
HOUR_S = 3600
#: Below this a duration is told in milliseconds.
SECOND_MS = 1000


def money(usd: Decimal | float | None) -> str:
    """US dollars: cents from $1 on, two significant digits below."""
    if usd is None:
        return UNKNOWN
    amount = Decimal(str(usd))
    if amount.is_zero():
        return "$0.00"
    if abs(amount) < 1:
        amount = _two_digits(amount)
    if abs(amount) >= 1 or amount.as_tuple().exponent > -2:  # type: ignore[operator] # finite
        amount = amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    return f"{'-' if amount < 0 else ''}${abs(amount):,f}"


def _two_digits(amount: Decimal) -> Decimal:
    return amount.quantize(
        Decimal(1).scaleb(amount.adjusted() - 1), rounding=ROUND_HALF_UP
    )


def tokens(count: int | None) -> str:
    """A count as 950, 1.2K or 3.4M."""
    if count is None:
        return UNKNOWN
    if count < THOUSAND:
        return str(count)
    for unit in ("K", "M"):
        count_in_unit = count / THOUSAND
        if round(count_in_unit, 1) < THOUSAND:
            return f"{count_in_unit:.1f}{unit}"
        count = int(count_in_unit)
    return f"{count / THOUSAND:,.1f}B"


def duration(value: dt.timedelta | float | None) -> str:
    """A time span (seconds, or a timedelta): 840 ms, 3.4 s, 2 min 5 s, 1 h 4 min."""
    if value is None:
        return UNKNOWN
    seconds = value.total_seconds() if isinstance(value, dt.timedelta) else float(value)
    if round(seconds * SECOND_MS) < SECOND_MS:
        return f"{max(0, round(seconds * SECOND_MS))} ms"
    if round(seconds, 1) < MINUTE_S:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min {whole % MINUTE_S} s"
    return f"{whole // HOUR_S:,} h {whole % HOUR_S // MINUTE_S} min"


def moment(at: dt.datetime | None) -> str:
    """A moment in UTC; the browser rewrites it in the reader's zone."""
    if at is None:
        return UNKNOWN
    return f"{_day(at)}, {at.astimezone(dt.UTC):%H:%M} UTC"


def day(at: dt.datetime | dt.date | None) -> str:
    """A date."""
    return UNKNOWN if at is None else _day(at)


def _day(at: dt.datetime | dt.date) -> str:
    date = at.astimezone(dt.UTC) if isinstance(at, dt.datetime) else at
    return f"{date.day} {date:%b %Y}"


def iso(at: dt.datetime | None) -> str:
    """A moment for programs."""
    return "" if at is None else at.astimezone(dt.UTC).isoformat(timespec="seconds")


def words(value: object) -> str:
    """An input's value as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(words(item) for item in value)
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {words(item)}" for key, item in value.items())
    return UNKNOWN if value is None else str(value)


def label_of(key: str) -> str:
    """A key as a label."""
    return key.replace("_", " ").replace("-", " ").capitalize()
