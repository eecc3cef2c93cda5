"""The addresses of accounts, without prefix."""

from django.urls import path

from accounts.api import budgets, schema, teams, views

__all__ = ["schema", "urlpatterns"]

TEAM = "teams/<str:team_id>"

urlpatterns = [
    path("auth/register", views.RegisterView.as_view(), name="register"),
    path("auth/login", views.LoginView.as_view(), name="login"),
    path("auth/refresh", views.RefreshView.as_view(), name="refresh"),
    path("auth/logout", views.LogoutView.as_view(), name="logout"),
    path("auth/password", views.PasswordView.as_view(), name="password"),
    path("auth/socket-ticket", views.SocketTicketView.as_view(), name="socket_ticket"),
    path("auth/me", views.MeView.as_view(), name="me"),
    path("api-keys", views.ApiKeyListView.as_view(), name="api_keys"),
    path("api-keys/<str:key_id>", views.ApiKeyView.as_view(), name="api_key"),
    path("teams", teams.TeamListView.as_view(), name="teams"),
    path(f"{TEAM}/members", teams.MemberListView.as_view(), name="members"),
    path(f"{TEAM}/members/<str:user_id>", teams.MemberView.as_view(), name="member"),
    path(f"{TEAM}/budgets", budgets.BudgetListView.as_view(), name="budgets"),
    path(
        f"{TEAM}/budgets/<str:budget_id>",
        budgets.BudgetView.as_view(),
        name="budget",
    ),
    path(f"{TEAM}/invitations", teams.InvitationListView.as_view(), name="invitations"),
    path(
        f"{TEAM}/invitations/<str:invitation_id>",
        teams.InvitationView.as_view(),
        name="invitation",
    ),
    path("invitations/accept", teams.AcceptView.as_view(), name="accept_invitation"),
]
