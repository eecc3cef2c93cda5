"""The Django app."""

from importlib import import_module

from django.apps import AppConfig


class AgentsConfig(AppConfig):
    """Names the app and connects it to Celery's worker signals."""

    name = "agents"

    def ready(self) -> None:
        """Connect receivers; checks register themselves on import."""
        import_module("agents.checks")
        import_module("agents.receivers")
