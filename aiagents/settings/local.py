"""`make run` on one machine: SQLite, a Redis of our own, the demo model without a key."""

from aiagents.common import local_state
from aiagents.settings.base import *  # noqa: F403
from aiagents.settings.base import (
    ALLOWED_HOSTS,
    ANTHROPIC_API_KEYS,
    ANTHROPIC_BASE_URL,
    BROKER_URL,
    CACHE_URL,
    EMAIL_URL,
    REDIS_URL,
    SECRET_KEY,
    VAR_DIR,
    broker_address,
    caches,
    channel_layers,
)

SECRET_KEY = SECRET_KEY or local_state.secret_key(VAR_DIR)
ALLOWED_HOSTS = ALLOWED_HOSTS or ["localhost", "127.0.0.1", "[::1]"]

# The children of `manage.py up` write their addresses where every command finds them.
REDIS_URL = REDIS_URL or local_state.redis_url(VAR_DIR)
BROKER_URL = BROKER_URL or REDIS_URL
CACHE_URL = CACHE_URL or REDIS_URL
CELERY_BROKER_URL = broker_address(BROKER_URL)
CHANNEL_LAYERS = channel_layers(REDIS_URL)
CACHES = caches(CACHE_URL)
if not (ANTHROPIC_API_KEYS or ANTHROPIC_BASE_URL):
    DEMO_MODEL_URL = local_state.demo_model_url(VAR_DIR)

if not EMAIL_URL:
    # Letters are printed where `make run` runs.
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
# Browsers count http://localhost as safe.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
WHITENOISE_USE_FINDERS = True
