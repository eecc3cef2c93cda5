"""pytest: a database, Redis and models that the test plugin starts."""

from aiagents.common import config
from aiagents.settings.base import *  # noqa: F403
from aiagents.settings.base import broker_address, caches, channel_layers, database

SECRET_KEY = "only-for-tests-" + "x" * 50
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

# The plugin starts the real things and hands their addresses over in the environment.
REDIS_URL = config.url(
    "TEST_REDIS_URL", "redis://127.0.0.1:1/0", schemes=("redis", "unix")
)
BROKER_URL = CACHE_URL = REDIS_URL
CELERY_BROKER_URL = broker_address(BROKER_URL)
CHANNEL_LAYERS = channel_layers(REDIS_URL)
CACHES = caches(CACHE_URL)
DATABASE_URL = config.url(
    "TEST_DATABASE_URL",
    f"sqlite:///{VAR_DIR / 'test.sqlite3'}",
    schemes=("postgres", "postgresql", "sqlite"),
)
DATABASES = {"default": database(DATABASE_URL)}
DATABASES["default"]["TEST"] = {"NAME": config.text("TEST_DATABASE_NAME") or None}

# The same number of queries however quick a test is.
QUEUE_FRESH_S = 0.0
