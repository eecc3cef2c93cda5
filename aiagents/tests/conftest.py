"""Fixtures of the tests across apps."""

from aiagents.testing.platform import platform as platform
