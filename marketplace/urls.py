"""Where each page lives (no trailing slashes)."""

from django.urls import path

from marketplace.pages import account, agents, audit, auth, catalogue, dashboard, runs

app_name = "marketplace"
RUN = "dashboard/executions/<str:execution_id>"

urlpatterns = [
    path("", catalogue.agent_list, name="agent_list"),
    path("categories/<slug:category>", catalogue.agent_list, name="category"),
    path("marketplace/<slug:slug>", agents.agent_detail, name="agent_detail"),
    path("marketplace/<slug:slug>/favourite", agents.favourite, name="favourite"),
    path("login", auth.login, name="login"),
    path("register", auth.register, name="register"),
    path("logout", auth.logout, name="logout"),
    path("theme", account.set_theme, name="theme"),
    path("account", account.profile, name="account"),
    path("account/keys", account.api_keys, name="api_keys"),
    path("account/keys/<str:key_id>/revoke", account.revoke_key, name="revoke_key"),
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
    path("favicon.ico", catalogue.favicon, name="favicon"),
]
