"""The addresses of accounts, without prefix."""

from django.urls import path

from accounts.api import schema, views

__all__ = ["schema", "urlpatterns"]

urlpatterns = [
    path("auth/register", views.RegisterView.as_view(), name="register"),
    path("auth/login", views.LoginView.as_view(), name="login"),
    path("auth/refresh", views.RefreshView.as_view(), name="refresh"),
    path("auth/logout", views.LogoutView.as_view(), name="logout"),
    path("auth/socket-ticket", views.SocketTicketView.as_view(), name="socket_ticket"),
    path("auth/me", views.MeView.as_view(), name="me"),
    path("api-keys", views.ApiKeyListView.as_view(), name="api_keys"),
    path("api-keys/<str:key_id>", views.ApiKeyView.as_view(), name="api_key"),
]
