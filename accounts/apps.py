"""The Django app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Names the app and connects its receivers."""

    name = "accounts"

    def ready(self) -> None:
        """Models exist from here on."""
        from accounts import receivers

        receivers.connect()
