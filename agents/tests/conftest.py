"""The standing cast, and a small catalogue."""

import pytest

from accounts.tests.cast import *  # noqa: F403 - fixtures
from agents.tests.shelf import Shelf


@pytest.fixture
def shelf(tmp_path) -> Shelf:
    """A small catalogue of its own."""
    return Shelf(tmp_path / "catalogue")
