"""A security key as the second step of sign-in, in a real browser with a virtual key."""

import pytest
from playwright.sync_api import Page, expect

from aiagents.testing.platform import PASSWORD, Platform

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    # pytest-base-url, which pytest-playwright brings, does what pytest 10 will refuse.
    pytest.mark.filterwarnings(
        "ignore:Session-scoped fixtures defined as instance methods"
    ),
]
PATIENCE_MS = 30_000
#: A key on USB that is touched as soon as a page asks for it.
KEY = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasResidentKey": False,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def reader(page: Page, platform: Platform) -> Page:
    """The page of a new person, signed in, in a browser with a security key."""
    platform.start_web()
    name, client = platform.sign_up()
    client.close()
    page.set_default_timeout(PATIENCE_MS)
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    sign_in(page, platform, name)
    page.wait_for_url("**/dashboard")
    page.evaluate("name => sessionStorage.setItem('name', name)", name)
    return page


def address(platform: Platform, path: str) -> str:
    """Keys belong to names: there is none for 127.0.0.1."""
    return f"http://localhost:{platform.port}{path}"


def sign_in(page: Page, platform: Platform, name: str) -> None:
    page.goto(address(platform, "/login"))
    page.fill("[name=username]", name)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_a_key_is_added_and_then_asked_for(reader: Page, platform: Platform) -> None:
    problems: list[str] = []
    reader.on("pageerror", lambda error: problems.append(str(error)))
    name = reader.evaluate("sessionStorage.getItem('name')")

    reader.goto(address(platform, "/account/security/keys/new"))
    reader.fill("[name=password]", PASSWORD)
    reader.get_by_role("button", name="Confirm").click()
    reader.wait_for_url("**/account/security/keys/new")
    reader.fill("[name=name]", "My key")
    reader.get_by_role("button", name="Add").click()
    reader.wait_for_url("**/account/security/codes")
    reader.goto(address(platform, "/account/security/keys"))
    expect(reader.get_by_text("My key")).to_be_visible()

    reader.context.clear_cookies()
    sign_in(reader, platform, name)
    reader.wait_for_url("**/login/second-step")
    reader.get_by_role("button", name="Use a security key").click()
    reader.wait_for_url("**/dashboard")
    assert problems == []
