"""The Django app that holds the commands."""

from django.apps import AppConfig


class OpsConfig(AppConfig):
    """Names the app."""

    name = "aiagents.ops"
    label = "ops"

    def ready(self) -> None:
        """Make ours the current Celery application in every process that has Django.

        Not in `aiagents/__init__.py`: the supervisor and the demo model need no Celery.
        """
        import aiagents.celery  # noqa: F401 - for its effect
