"""The pytest plugin: what happens around every test run.

It is loaded by `-p` before Django's settings are, and gives them, through the environment, a
real Redis, a database name of this process's own, and nothing of the developer's shell.
"""

from collections import Counter
from collections.abc import Generator

import pytest

from aiagents.testing import browser, network
from aiagents.testing.environment import SESSION, TestSession


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config,
) -> Generator[None, None, None]:
    """A wrapper runs before pytest-django's hook of this name, which loads the settings."""
    try:
        early_config.stash[SESSION] = TestSession.begin()
    except RuntimeError as error:
        raise pytest.UsageError(str(error)) from error
    network.install()
    return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Fixtures come after those of the installed plugins, so that they may extend them."""
    config.pluginmanager.import_plugin("aiagents.testing.fixtures")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave no process and no file behind."""
    if session := config.stash.get(SESSION, None):
        session.end()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: Playwright leaves a running event loop in the thread."""
    items.sort(key=_is_e2e)
    if browser.find_chromium() is None:
        missing = pytest.mark.skip(reason="Chromium was not found")
        for item in filter(_is_e2e, items):
            item.add_marker(missing)


def _is_e2e(item: pytest.Item) -> bool:
    return item.get_closest_marker("e2e") is not None


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter,
) -> None:
    """Name what could not run here, and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(_reason(report) for report in skipped)
    if reasons:
        terminalreporter.section("could not run here")
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"{count} tests: {reason}")


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    return str(text).removeprefix("Skipped: ")


def pytest_report_header() -> str:
    """Which database the run is on."""
    from django.db import connection

    return f"database: {connection.display_name}"
