"""Servers: everything that local mode supplies must be given, and cookies need TLS."""

from aiagents.common import config
from aiagents.settings.base import *  # noqa: F403
from aiagents.settings.base import ANTHROPIC_API_KEYS, ANTHROPIC_BASE_URL, BASE_DIR

SECRET_KEY = config.required("SECRET_KEY", purpose="signing sessions and tokens")
if len(SECRET_KEY) < 50:
    raise config.ConfigError("SECRET_KEY is too short; expected 50 characters or more.")
ALLOWED_HOSTS = list(config.words("ALLOWED_HOSTS"))
if not ALLOWED_HOSTS:
    raise config.ConfigError("ALLOWED_HOSTS is not set; expected the names you serve.")
config.required("DATABASE_URL", purpose="the rows; PostgreSQL 15 or newer")
config.required("REDIS_URL", purpose="wake-ups, progress and limits")
if not (ANTHROPIC_API_KEYS or ANTHROPIC_BASE_URL):
    raise config.ConfigError(
        "ANTHROPIC_API_KEY is not set; expected a key (or ANTHROPIC_BASE_URL). "
        "The demo model runs in local mode only."
    )

STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# --- TLS ends at the ingress, which says so --------------------------------------------
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^ready$", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-session"
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_TRUSTED_ORIGINS = [f"https://{host.lstrip('.')}" for host in ALLOWED_HOSTS]
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https"
STAFF_SECOND_FACTOR = config.boolean("STAFF_SECOND_FACTOR", default=True)
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
