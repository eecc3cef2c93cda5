"""The Django app."""

from django.apps import AppConfig


class MarketplaceConfig(AppConfig):
    """Names the app, and gives the administration our pages of sign-in."""

    name = "marketplace"

    def ready(self) -> None:
        """The same form, count of tries and second step stand before the administration."""
        from django.contrib import admin

        from marketplace.pages import auth, security

        admin.site.login = auth.login  # type: ignore[assignment,method-assign] # Django calls it with a request alone
        admin.site.password_change = security.to_password  # type: ignore[assignment,method-assign] # a redirect
