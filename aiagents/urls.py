"""Every address of the platform."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from aiagents.ops import probes

#: The same views below `/api/v1` and, as the architecture document has them, without prefix.
API = [
    path("", include("accounts.api.urls")),
    # The list and the search stand before `agents/{slug}`.
    path("", include("marketplace.api.urls")),
    path("", include("agents.api.urls")),
]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("health", probes.health, name="health"),
    path("ready", probes.ready, name="ready"),
    path("metrics", probes.metrics, name="metrics"),
    path("api/v1/", include(API)),
    path("", include("marketplace.urls")),
    path("", include(API)),
    path("", include("agents.urls")),
]

handler400 = "marketplace.pages.errors.bad_request"
handler403 = "marketplace.pages.errors.permission_denied"
handler404 = "marketplace.pages.errors.not_found"
handler500 = "marketplace.pages.errors.server_error"
