"""The Django app."""

from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    """Names the app."""

    name = "workflows"
