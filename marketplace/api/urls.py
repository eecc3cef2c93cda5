"""REST addresses of the list and the search; they come before `agents/{slug}`."""

from django.urls import path

from marketplace.api import views

urlpatterns = [
    path("agents", views.ListAgents.as_view(), name="list_agents"),
    path("agents/library", views.ListLibrary.as_view(), name="list_library"),
    path("agents/match", views.MatchAgents.as_view(), name="match_agents"),
]
