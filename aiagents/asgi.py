"""The ASGI entry: pages and REST, websockets, server-sent events."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiagents.settings.local")
# Django must be set up before anything that imports models.
http_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402

from agents.routing import websocket_urlpatterns  # noqa: E402
from aiagents.common.bodies import limit_bodies  # noqa: E402
from aiagents.common.sockets import refuse_foreign_origins, unknown_socket  # noqa: E402

websocket_application = refuse_foreign_origins(
    AuthMiddlewareStack(
        URLRouter(
            [
                *websocket_urlpatterns,
                re_path("", unknown_socket),  # type: ignore[arg-type] # an ASGI app
            ]
        )
    )
)
application = ProtocolTypeRouter(
    {"http": limit_bodies(http_application), "websocket": websocket_application}
)
