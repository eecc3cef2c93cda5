"""Typed readers of the environment that name a bad value and what was expected.

Every variable may be given as NAME, as NAME_FILE (a path whose content is the value), or
as a file of that name in SECRETS_DIR. Values are described, never echoed: any may be secret.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})


class ConfigError(Exception):
    """A variable has a value that the platform cannot start with."""


def text(name: str, default: str = "") -> str:
    """The value as text; `default` when the variable is absent or empty."""
    return _raw(name) or default


def required(name: str, *, purpose: str) -> str:
    """The value as text; stops the start when it is absent."""
    if value := _raw(name):
        return value
    raise ConfigError(f"{name} is not set; it is needed for {purpose}.")


def words(name: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
    """A comma-separated list without empty entries."""
    raw = _raw(name)
    if not raw:
        return default
    return tuple(part.strip() for part in raw.split(",") if part.strip())


def origins(name: str) -> tuple[str, ...]:
    """A comma-separated list of origins (RFC 6454 §6.2): scheme and host, no path, no `*`."""
    return _parsed(
        name,
        (),
        lambda raw: tuple(_origin(part.strip()) for part in raw.split(",")),
        "origins as https://app.example.org, separated by commas",
    )


def boolean(name: str, *, default: bool) -> bool:
    """True for 1, true, yes, on; False for 0, false, no, off."""
    return _parsed(
        name, default, _boolean, "one of 1, true, yes, on, 0, false, no, off"
    )


def integer(name: str, default: int, *, least: int = 0, most: int = 2**31) -> int:
    """A whole number between `least` and `most`."""
    return _parsed(
        name,
        default,
        lambda raw: _between(int(raw), least, most),
        f"a whole number from {least} to {most}",
    )


def number(name: str, default: float, *, least: float = 0, most: float = 1e9) -> float:
    """A decimal number between `least` and `most`."""
    return _parsed(
        name,
        default,
        lambda raw: _between(float(raw), least, most),
        f"a number from {least:g} to {most:g}",
    )


def url(name: str, default: str = "", *, schemes: tuple[str, ...]) -> str:
    """An address with one of `schemes`; empty when absent."""
    return _parsed(
        name, default, lambda raw: _url(raw, schemes), f"an address: {_shapes(schemes)}"
    )


def named_secrets(name: str, *, least_chars: int) -> tuple[tuple[str, str], ...]:
    """A comma-separated list of `name:secret`, in its order; names differ."""
    return _parsed(
        name,
        (),
        lambda raw: _named_secrets(raw, least_chars),
        f"NAME:SECRET,… with different names and {least_chars} or more characters a secret",
    )


def _raw(name: str) -> str | None:
    if (value := os.environ.get(name)) is not None:
        return value.strip()
    if path := os.environ.get(f"{name}_FILE"):
        return _read(name, Path(path))
    if folder := os.environ.get("SECRETS_DIR"):
        candidate = Path(folder) / name
        return _read(name, candidate) if candidate.is_file() else None
    return None


def _read(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: cannot read the file {path}: {error}") from error


def _parsed(name: str, default: T, parse: Callable[[str], T], expected: str) -> T:
    raw = _raw(name)
    if not raw:
        return default
    try:
        return parse(raw)
    except ValueError as error:
        kind = "digits" if raw.isdigit() else "text"
        raise ConfigError(
            f"{name} holds {kind} of {len(raw)} characters; expected {expected}."
        ) from error


def _boolean(raw: str) -> bool:
    if raw.lower() in TRUE | FALSE:
        return raw.lower() in TRUE
    raise ValueError(raw)


def _named_secrets(raw: str, least_chars: int) -> tuple[tuple[str, str], ...]:
    parts = [part.strip().partition(":") for part in raw.split(",") if part.strip()]
    pairs = tuple((name.strip(), secret) for name, _, secret in parts)
    names = {name for name, _ in pairs}
    if "" in names or len(names) < len(pairs):
        raise ValueError(raw)
    if any(len(secret) < least_chars for _, secret in pairs):
        raise ValueError(raw)
    return pairs


N = TypeVar("N", int, float)


def _between(value: N, least: float, most: float) -> N:
    if least <= value <= most:
        return value
    raise ValueError(value)


def _origin(raw: str) -> str:
    parts = urlsplit(raw)
    _ = parts.port  # raises ValueError for one that is none
    is_web = parts.scheme in {"http", "https"} and bool(parts.hostname)
    if is_web and raw == f"{parts.scheme}://{parts.netloc}":
        return raw
    raise ValueError(raw)


def _url(raw: str, schemes: tuple[str, ...]) -> str:
    parts = urlsplit(raw)
    _ = parts.port  # raises ValueError for one that is none
    if parts.scheme in schemes and (parts.netloc or parts.path):
        return raw
    raise ValueError(raw)


def _shapes(schemes: tuple[str, ...]) -> str:
    return " or ".join(f"{scheme}://…" for scheme in schemes)
