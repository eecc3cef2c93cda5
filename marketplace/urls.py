"""Where each page lives (no trailing slashes)."""

from django.urls import include, path

from marketplace.pages import (
    account,
    agents,
    audit,
    auth,
    batches,
    catalogue,
    dashboard,
    own_data,
    runs,
    security,
    sign_in_steps,
    teams,
)

RUN = "dashboard/executions/<str:execution_id>"
BATCH = "dashboard/batches/<str:batch_id>"

TEAM = "account/team/<str:team_id>"
MEMBER = f"{TEAM}/members/<str:user_id>"

PAGES = [
    path("", catalogue.agent_list, name="agent_list"),
    path("categories/<slug:category>", catalogue.agent_list, name="category"),
    path("marketplace/<slug:slug>", agents.agent_detail, name="agent_detail"),
    path("marketplace/<slug:slug>/favourite", agents.favourite, name="favourite"),
    path("marketplace/<slug:slug>/batch", batches.batch_form, name="batch_form"),
    path(
        "marketplace/<slug:slug>/batch/template.csv",
        batches.batch_template,
        name="batch_template",
    ),
    path("login", auth.login, name="login"),
    path("register", auth.register, name="register"),
    path("logout", auth.logout, name="logout"),
    path("theme", account.set_theme, name="theme"),
    path("account", account.profile, name="account"),
    path("account/keys", account.api_keys, name="api_keys"),
    path("account/keys/<str:key_id>/revoke", account.revoke_key, name="revoke_key"),
    path("account/password", security.password, name="password"),
    path("account/email", security.email, name="email"),
    path("account/sessions", security.sessions, name="sessions"),
    path(
        "account/sessions/end-others",
        security.end_other_sessions,
        name="end_other_sessions",
    ),
    path(
        "account/sessions/<str:session_id>/end",
        security.end_session,
        name="end_session",
    ),
    path("account/team", teams.team_list, name="teams"),
    path(TEAM, teams.team, name="team"),
    path(f"{MEMBER}/role", teams.change_role, name="change_role"),
    path(f"{MEMBER}/remove", teams.remove_member, name="remove_member"),
    path(
        f"{TEAM}/invitations/<str:invitation_id>/revoke",
        teams.revoke_invitation,
        name="revoke_invitation",
    ),
    path("join/<str:token>", teams.join, name="join"),
    path("account/data", own_data.overview, name="data"),
    path("account/data/export", own_data.export, name="export"),
    path("account/data/delete", own_data.delete, name="delete_account"),
    path("dashboard", dashboard.dashboard, name="dashboard"),
    path("dashboard/runs", runs.run_list, name="run_list"),
    path(RUN, runs.execution_detail, name="execution_detail"),
    path(f"{RUN}/output", runs.execution_output, name="execution_output"),
    path(f"{RUN}/cancel", runs.execution_cancel, name="execution_cancel"),
    path(f"{RUN}/retry", runs.execution_retry, name="execution_retry"),
    path(f"{RUN}/feedback", runs.execution_feedback, name="execution_feedback"),
    path(f"{RUN}/download", runs.execution_download, name="execution_download"),
    path("audit", audit.audit_list, name="audit"),
    path("audit/export", audit.audit_export, name="audit_export"),
    path("dashboard/batches", batches.batch_list, name="batch_list"),
    path(BATCH, batches.batch_detail, name="batch_detail"),
    path(f"{BATCH}/pause", batches.batch_pause, name="batch_pause"),
    path(f"{BATCH}/resume", batches.batch_resume, name="batch_resume"),
    path(f"{BATCH}/cancel", batches.batch_cancel, name="batch_cancel"),
    path(f"{BATCH}/download", batches.batch_download, name="batch_download"),
    path("favicon.ico", catalogue.favicon, name="favicon"),
]

urlpatterns = [
    path("", include((PAGES, "marketplace"))),
    # The same pages under the names that django-allauth looks up.
    path("login", auth.login, name="account_login"),
    path("register", auth.register, name="account_signup"),
    path("logout", auth.logout, name="account_logout"),
    *sign_in_steps.urlpatterns,
]
