"""A person finds an agent, runs it and watches: in a real browser, against real processes."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from aiagents.testing.messages_server.behaviours import Behaviour
from aiagents.testing.platform import PASSWORD, Platform
from aiagents.testing.waiting import wait_until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    # pytest-base-url, which pytest-playwright brings, does what pytest 10 will refuse.
    pytest.mark.filterwarnings(
        "ignore:Session-scoped fixtures defined as instance methods"
    ),
]

#: Text that a careless hand would change: breaks, marks, markup, characters beyond 16 bits.
AWKWARD = (
    "\n\n# Title\r\none\rtwo\ttab <script>alert(1)</script> &amp; \u202e \U0001f600 é\n"
    + "".join(f"{n}. line with **bold** and `code` no {n}\n" for n in range(200))
)
SLOW = Behaviour(text=AWKWARD, events=120, seconds=6)
PATIENCE_MS = 30_000
WIDTHS = (1280, 375)
#: Lets a test cut the connection and read the pane as it was when the run was over.
WATCH = """
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) { super(...given); sockets.push(this); }
};
addEventListener("htmx:beforeSwap", () => {
  window.lastText = document.querySelector("[data-stream-text]")?.textContent;
});
"""
NO_SOCKETS = """
window.WebSocket = class extends WebSocket {
  constructor(address) { super(String(address).replace("/ws/", "/nowhere/")); }
};
"""


@pytest.fixture(scope="module")
def site(platform: Platform) -> Platform:
    """The platform with the shipped catalogue, one web process and one worker."""
    platform.manage("load_catalogue")
    platform.start_web()
    platform.start_worker()
    return platform


@pytest.fixture
def problems(page: Page) -> list[str]:
    """What the page complains of: errors of scripts, refused loads, violated policies."""
    found: list[str] = []
    page.on("console", lambda m: found.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.fixture
def reader(page: Page, site: Platform) -> Page:
    """The page of a new person, signed in."""
    name, client = site.sign_up()
    client.close()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{site.base_url}/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=False).first.fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard")
    return page


@pytest.fixture(scope="module")
def agent(site: Platform) -> dict[str, str]:
    """An agent that everybody may run, with a sample that fills its form."""
    with site.client() as client:
        rows = client.get("/api/v1/agents", params={"risk": "low"}).json()["results"]
    return next(row for row in rows if row["slug"])


def start(
    page: Page, site: Platform, agent: dict[str, str], behaviour: Behaviour
) -> str:
    """Fill the form from its sample and run it; returns the id of the run."""
    site.model.default(behaviour)
    page.goto(f"{site.base_url}/marketplace/{agent['slug']}")
    page.get_by_role("navigation", name="Fill in an example").get_by_role(
        "link"
    ).first.click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url("**/dashboard/executions/*")
    return page.url.rsplit("/", 1)[-1]


def stored_output(page: Page, site: Platform, run: str) -> str:
    """The text as the database has it."""
    answer = page.request.get(
        f"{site.base_url}/dashboard/executions/{run}/download?format=json"
    )
    output: str = answer.json()["output"]
    return output


def shown_text(page: Page) -> str:
    """The text that the reader has now."""
    text: str = page.locator("#output-text").evaluate("pane => pane.textContent")
    return text


def wait_for_text(page: Page, length: int) -> int:
    """Wait until at least so much is shown; returns how much is."""
    return wait_until(
        lambda: (n := len(shown_text(page))) >= length and n, PATIENCE_MS / 1000
    )


def expect_status(page: Page, word: str) -> None:
    """Wait until the strip says it."""
    expect(page.locator("[data-pill]")).to_have_text(
        re.compile(word), timeout=PATIENCE_MS
    )


def test_from_search_to_a_finished_run(reader, site, agent, problems):
    site.model.default(Behaviour(events=40, seconds=2))
    reader.goto(site.base_url)
    reader.get_by_label("Search agents").fill(agent["name"])
    reader.get_by_label("Search agents").press("Enter")
    reader.get_by_role("link", name=agent["name"], exact=True).first.click()
    run = start(reader, site, agent, Behaviour(events=40, seconds=2))
    expect(reader.locator("[data-live-mark]")).to_have_text("Live")
    wait_for_text(reader, 1)
    expect_status(reader, "Succeeded")
    expect(reader.locator(".output h4").first).to_have_text("Answer")
    expect(reader.locator("#announcements")).to_have_text(
        re.compile(r"Run succeeded, \$")
    )
    assert shown_text(reader) == stored_output(reader, site, run)
    before = reader.locator(".output").inner_html()
    reader.reload()
    assert reader.locator(".output").inner_html() == before
    assert problems == []


def test_the_text_is_the_stored_one_although_the_socket_is_cut(
    reader, site, agent, problems
):
    reader.add_init_script(WATCH)
    run = start(reader, site, agent, SLOW)
    for _ in range(3):
        seen = wait_for_text(reader, 1)
        opened = reader.evaluate("sockets.at(-1).close(), sockets.length")
        reader.wait_for_function("opened => sockets.length > opened", arg=opened)
        wait_for_text(reader, seen + 1)
    expect_status(reader, "Succeeded")
    stored = stored_output(reader, site, run)
    assert len(stored) > len(AWKWARD) / 2
    assert reader.evaluate("lastText") == stored
    assert shown_text(reader) == stored
    assert reader.evaluate("sockets.length") >= 4
    assert problems == []


def test_the_text_is_the_stored_one_without_sockets(reader, site, agent):
    reader.add_init_script(NO_SOCKETS + WATCH)
    run = start(reader, site, agent, SLOW)
    wait_for_text(reader, 1)
    expect(reader.locator("[data-live-mark]")).to_have_text("Live")
    expect_status(reader, "Succeeded")
    assert reader.evaluate("lastText") == stored_output(reader, site, run)


def test_the_text_is_the_stored_one_although_the_web_process_dies(reader, site, agent):
    reader.add_init_script(WATCH)
    run = start(reader, site, agent, SLOW)
    wait_for_text(reader, 1)
    next(
        child for child in site.children if child.name == "web" and child.is_alive
    ).kill()
    expect(reader.locator("[data-live-mark]")).not_to_have_text("Live")
    site.start_web()
    expect_status(reader, "Succeeded")
    assert reader.evaluate("lastText") == stored_output(reader, site, run)


def test_a_page_opened_late_continues_where_it_was_drawn(reader, site, agent):
    run = start(reader, site, agent, SLOW)
    wait_for_text(reader, len(AWKWARD) // 4)
    reader.add_init_script(WATCH)
    reader.reload()
    assert len(shown_text(reader)) >= len(AWKWARD) // 4
    expect_status(reader, "Succeeded")
    assert reader.evaluate("lastText") == stored_output(reader, site, run)


def test_cancel_ends_it_and_keeps_what_was_written(reader, site, agent):
    run = start(reader, site, agent, Behaviour(text=AWKWARD, events=200, seconds=60))
    wait_for_text(reader, 1)
    reader.get_by_role("button", name="Cancel").click()
    expect_status(reader, "Cancelled")
    text = shown_text(reader)
    assert text == stored_output(reader, site, run)
    assert 0 < len(text) < len(AWKWARD)


def test_without_script_the_page_refreshes_itself_until_it_is_over(
    reader, site, agent, browser: Browser
):
    run = start(reader, site, agent, Behaviour(events=20, seconds=2))
    state = reader.context.storage_state()
    with browser.new_context(java_script_enabled=False, storage_state=state) as context:
        page = context.new_page()
        page.goto(f"{site.base_url}/dashboard/executions/{run}")
        expect(page.get_by_text("Succeeded")).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_role("heading", name="Answer")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_complains_or_scrolls_sideways(reader, site, agent, problems, theme):
    run = start(reader, site, agent, Behaviour(events=1))
    expect_status(reader, "Succeeded")
    addresses = [
        "/", "/?q=contract", f"/marketplace/{agent['slug']}", "/dashboard", "/dashboard/runs",
        "/dashboard/runs?status=failed", f"/dashboard/executions/{run}", "/account", "/account/keys",
        *(f"/marketplace/{agent['slug']}?tab={tab}" for tab in ("examples", "versions", "api")),
    ]  # fmt: skip
    reader.emulate_media(color_scheme=theme)
    for address in addresses:
        for width in WIDTHS:
            reader.set_viewport_size({"width": width, "height": 800})
            answer = reader.goto(site.base_url + address)
            assert answer.ok, address
            excess = reader.evaluate(
                "document.documentElement.scrollWidth - innerWidth"
            )
            assert excess <= 0, f"{address} is {excess} px too wide at {width}"
            assert problems == [], address
