"""The Django app."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Names the app."""

    name = "analytics"
