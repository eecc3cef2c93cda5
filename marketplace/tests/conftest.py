"""The standing cast."""

from accounts.tests.cast import *  # noqa: F403 - fixtures
