"""Each agent's own address: the four endpoints of the architecture document."""

from django.urls import path

from agents.api import service
from agents.views import agent_metrics

app_name = "agents"
urlpatterns = [
    path(
        "agents/<slug:slug>/api/v1/execute", service.Execute.as_view(), name="execute"
    ),
    path("agents/<slug:slug>/health", service.Health.as_view(), name="health"),
    path("agents/<slug:slug>/metrics", agent_metrics, name="metrics"),
    path("agents/<slug:slug>/", service.Describe.as_view(), name="describe"),
]
