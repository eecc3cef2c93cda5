"""What every page shows around its own content."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from aiagents.common.principals import Principal

THEME_COOKIE = "theme"
THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True, kw_only=True)
class NavItem:
    """A link of the main navigation."""

    label: str
    url: str
    icon: str
    is_current: bool


def frame(request: HttpRequest) -> dict[str, Any]:
    """Values for the frame of every page."""
    principal: Principal | None = getattr(request, "principal", None)
    return plain_frame(request) | {
        "principal": principal,
        "nav": _nav(request.path, is_signed_in=principal is not None),
    }


def plain_frame(request: HttpRequest) -> dict[str, Any]:
    """The frame without asking who is there, for when the database may be away."""
    return {
        "principal": None,
        "nav": _nav(request.path, is_signed_in=False),
        "theme": theme(request),
        "demo_mode": bool(settings.DEMO_MODEL_URL),
        "here": request.get_full_path(),
    }


def theme(request: HttpRequest) -> str:
    """`light` or `dark`; empty follows the system."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else ""


def _nav(path: str, *, is_signed_in: bool) -> list[NavItem]:
    items = [("Marketplace", reverse("marketplace:agent_list"), "layout-grid")]
    if is_signed_in:
        items += [
            ("Dashboard", reverse("marketplace:dashboard"), "inbox"),
            ("Runs", reverse("marketplace:run_list"), "history"),
            ("Batches", reverse("marketplace:batch_list"), "file-text"),
        ]
    return [
        NavItem(label=label, url=url, icon=icon, is_current=_is_current(path, url))
        for label, url, icon in items
    ]


def _is_current(path: str, url: str) -> bool:
    """Runs lie below the dashboard; agents and categories belong to the marketplace."""
    if url == "/":
        return path == "/" or path.startswith(("/marketplace/", "/categories/"))
    if url == "/dashboard":
        return path == url
    if url == "/dashboard/runs":
        return path.startswith((url, "/dashboard/executions/"))
    return path.startswith(url)
