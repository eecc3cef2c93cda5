"""What is the same everywhere; the other modules only override."""

import logging
from typing import Any

import django_stubs_ext
import environ

from aiagents.common import config, local_state, logs

django_stubs_ext.monkeypatch()

# --- Places ---------------------------------------------------------------------------
BASE_DIR = local_state.BASE_DIR
VAR_DIR = local_state.folder()
CATALOGUE_DIR = BASE_DIR / "fixtures" / "catalogue"

# --- Core -----------------------------------------------------------------------------
SECRET_KEY = config.text("SECRET_KEY")
#: Keys of before: they verify what they signed and sign nothing new.
SECRET_KEY_FALLBACKS = list(config.words("SECRET_KEY_FALLBACKS"))
DEBUG = config.boolean("DEBUG", default=False)
ALLOWED_HOSTS = list(config.words("ALLOWED_HOSTS"))
ROOT_URLCONF = "aiagents.urls"
ASGI_APPLICATION = "aiagents.asgi.application"
WSGI_APPLICATION = "aiagents.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = False
TIME_ZONE = "UTC"
USE_TZ = True
LANGUAGE_CODE = "en"
USE_I18N = False

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "channels",
    "django_celery_beat",
    "django_cotton.apps.SimpleAppConfig",
    "django_filters",
    "django_htmx",
    "django_prometheus",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "guardian",
    "rest_framework",
    "template_partials.apps.SimpleAppConfig",
    "aiagents.ops",
    "analytics",
    "accounts",
    "agents",
    "workflows",
    "marketplace",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "aiagents.common.middleware.RequestGuardMiddleware",
    "aiagents.common.cors.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "aiagents.common.middleware.LooserPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "accounts.middleware.PrincipalMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.StaffSecondFactorMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

# --- Templates: cotton and template-partials share the loaders in this order only --------
COTTON_DIR = "components"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            [
                                "django_cotton.cotton_loader.Loader",
                                "django.template.loaders.filesystem.Loader",
                                "django.template.loaders.app_directories.Loader",
                            ],
                        )
                    ],
                )
            ],
            "builtins": [
                "django_cotton.templatetags.cotton",
                "template_partials.templatetags.partials",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "marketplace.pages.context.frame",
            ],
        },
    }
]

# --- Database -------------------------------------------------------------------------
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
        "PRAGMA busy_timeout=20000;PRAGMA foreign_keys=ON;"
    ),
}
POSTGRES_OPTIONS = {
    "pool": {
        "min_size": 1,
        "max_size": config.integer("DATABASE_POOL_SIZE", 10, least=1),
        # When the database is away, a request is told so before its caller gives up, and
        # new attempts to connect do not back off for longer than that.
        "timeout": 3.0,
        "reconnect_timeout": 2.0,
    },
    "connect_timeout": 3,
    "options": "-c statement_timeout=15000 -c lock_timeout=5000",
}
DATABASE_URL = config.url(
    "DATABASE_URL",
    f"sqlite:///{VAR_DIR / 'db.sqlite3'}",
    schemes=("postgres", "postgresql", "sqlite"),
)


def database(address: str) -> dict[str, Any]:
    """The settings of one database address, with what each engine needs to be safe."""
    parsed: dict[str, Any] = environ.Env.db_url_config(address)
    is_sqlite = parsed["ENGINE"].endswith("sqlite3")
    options = SQLITE_OPTIONS if is_sqlite else POSTGRES_OPTIONS
    parsed["OPTIONS"] = {**options, **parsed.get("OPTIONS", {})}
    parsed["CONN_MAX_AGE"] = 0
    return parsed


DATABASES = {"default": database(DATABASE_URL)}

# --- Redis: broker, channel layer, cache and limiter --------------------------------------
REDIS_SCHEMES = ("redis", "rediss", "unix")
REDIS_URL = config.url("REDIS_URL", schemes=REDIS_SCHEMES)
BROKER_URL = config.url("BROKER_URL", REDIS_URL, schemes=REDIS_SCHEMES)
CACHE_URL = config.url("CACHE_URL", REDIS_URL, schemes=REDIS_SCHEMES)


def broker_address(url: str) -> str:
    """The same address in kombu's spelling."""
    return (
        f"redis+socket://{url.removeprefix('unix://')}"
        if url.startswith("unix:")
        else url
    )


def channel_layers(url: str) -> dict[str, object]:
    """Pub/sub only: what must not be missed is replayed from the stream."""
    layer = "channels_redis.pubsub.RedisPubSubChannelLayer"
    return {"default": {"BACKEND": layer, "CONFIG": {"hosts": [url]}}}


def caches(url: str) -> dict[str, object]:
    """Django's cache on the same client library."""
    return {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": url,
        }
    }


CELERY_BROKER_URL = broker_address(BROKER_URL)
CHANNEL_LAYERS = channel_layers(REDIS_URL)
CACHES = caches(CACHE_URL)

# --- Celery: messages are wake-ups, the row is the truth -----------------------------------
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# Without time-outs a half-open connection waits for ever.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 3,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "health_check_interval": 15,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A task only wakes somebody; there is nothing in it to be cancelled, or run twice.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_TASK_DEFAULT_QUEUE = "maintenance"
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
# Beat writes these into its tables at each start; the admin shows them.
CELERY_BEAT_SCHEDULE = {
    "delete what has expired": {
        "task": "accounts.purge_expired",
        "schedule": 24 * 3600,
        "options": {"queue": CELERY_TASK_DEFAULT_QUEUE},
    },
    "measure agents": {
        "task": "agents.refresh_figures",
        "schedule": 60,
        "options": {"queue": CELERY_TASK_DEFAULT_QUEUE},
    },
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
DJANGO_STRUCTLOG_CELERY_ENABLED = True

# --- Accounts -------------------------------------------------------------------------
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/dashboard"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "marketplace.pages.errors.csrf_failure"
#: Pairs of name and secret; the first signs access tokens, all verify. Empty: SECRET_KEY.
JWT_SIGNING_KEYS = config.named_secrets("JWT_SIGNING_KEYS", least_chars=32)
ACCESS_TOKEN_S = 3600
REFRESH_TOKEN_S = 14 * 24 * 3600
RATE_LIMIT_REQUESTS = config.integer("RATE_LIMIT_REQUESTS", 100, least=1)
RATE_LIMIT_WINDOW_SECONDS = config.integer("RATE_LIMIT_WINDOW_SECONDS", 60, least=1)
SIGNUP_LIMIT_PER_HOUR = config.integer("SIGNUP_LIMIT_PER_HOUR", 20, least=1)
LOGIN_LIMIT_PER_MINUTE = config.integer("LOGIN_LIMIT_PER_MINUTE", 10, least=1)
DEFAULT_MONTHLY_BUDGET_USD = config.number("DEFAULT_MONTHLY_BUDGET_USD", 20, least=0)
#: How many proxies in front of us add to X-Forwarded-For; 0 trusts none.
TRUSTED_PROXY_DEPTH = config.integer("TRUSTED_PROXY_DEPTH", 0, most=10)
#: The Rego rules and their data; the same files as the OPA server of OPA_URL has.
POLICY_DIR = config.text("POLICY_DIR", str(BASE_DIR / "accounts" / "policies"))
OPA_URL = config.url("OPA_URL", schemes=("http", "https"))
OPA_TIMEOUT_S = config.number("OPA_TIMEOUT_SECONDS", 0.2, least=0.01, most=30)
#: Other sites whose scripts may call the REST addresses, with credentials of their own.
CORS_ALLOWED_ORIGINS = config.origins("CORS_ALLOWED_ORIGINS")
MAX_REQUEST_BYTES = config.integer("MAX_REQUEST_BYTES", 2_000_000, least=1000)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_REQUEST_BYTES

# --- Steps of sign-in after the password: django-allauth, under our addresses -------------
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "accounts.adapters.OtherSiteAdapter"
MFA_ADAPTER = "accounts.adapters.SecondFactorAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
# Addresses are not proven at sign-up, so they neither identify nor collide.
ACCOUNT_UNIQUE_EMAIL = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# Ours counts exactly, theirs reads and then writes.
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
ACCOUNT_FORMS = {"reset_password": "accounts.forms.ForgottenForm"}
MFA_FORMS = {
    "authenticate": "accounts.forms.CodeForm",
    "reauthenticate": "accounts.forms.CodeAgainForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
# A clock may be half a minute off; `accounts.services.guard` remembers used codes for as long.
MFA_TOTP_TOLERANCE = 1
MFA_TOTP_ISSUER = "AI-Agents"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_STORE_TOKENS = False
#: Whether the administration opens only to who gave a second factor in this session.
STAFF_SECOND_FACTOR = config.boolean("STAFF_SECOND_FACTOR", default=False)
OIDC_ISSUER = config.url("OIDC_ISSUER", schemes=("https", "http"))
OIDC_NAME = config.text("OIDC_NAME", "single sign-on")
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
if OIDC_ISSUER:
    SOCIALACCOUNT_PROVIDERS["openid_connect"] = {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": "oidc",
                "name": OIDC_NAME,
                "client_id": config.required(
                    "OIDC_CLIENT_ID", purpose="sign-in at OIDC_ISSUER"
                ),
                "secret": config.required(
                    "OIDC_CLIENT_SECRET", purpose="sign-in at OIDC_ISSUER"
                ),
                "settings": {"server_url": OIDC_ISSUER},
            }
        ],
    }

# --- Mail -----------------------------------------------------------------------------
EMAIL_URL = config.url("EMAIL_URL", schemes=("smtp", "smtp+tls", "smtp+ssl"))
DEFAULT_FROM_EMAIL = config.text("EMAIL_FROM", "AI-Agents <no-reply@localhost>")
EMAIL_TIMEOUT = 10
if EMAIL_URL:
    vars().update(environ.Env.email_url_config(EMAIL_URL))
else:
    # Nothing is sent, and no page offers to send anything.
    EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"

# --- Models ---------------------------------------------------------------------------
ANTHROPIC_BASE_URL = config.url("ANTHROPIC_BASE_URL", schemes=("http", "https"))
ANTHROPIC_API_KEYS = config.words("ANTHROPIC_API_KEYS") or config.words(
    "ANTHROPIC_API_KEY"
)
#: The address of the demo model; set in local mode when no real model is configured.
DEMO_MODEL_URL = ""

# --- Executions -----------------------------------------------------------------------
WORKER_CONCURRENCY = config.integer("WORKER_CONCURRENCY", 500, least=1)
TEAM_MAX_RUNNING = config.integer("TEAM_MAX_RUNNING", 200, least=1)
#: How many runs may wait: of one team, and of one agent over all teams.
TEAM_MAX_QUEUED = config.integer("TEAM_MAX_QUEUED", 10_000, least=1)
AGENT_MAX_QUEUED = config.integer("AGENT_MAX_QUEUED", 20_000, least=1)
#: How old a count of the queue may be, in seconds.
QUEUE_FRESH_S = 1.0
LEASE_S = config.integer("LEASE_SECONDS", 30, least=3)
HEARTBEAT_S = config.number("HEARTBEAT_SECONDS", 10, least=0.5)
SWEEP_S = config.number("SWEEP_SECONDS", 5, least=0.2)
POLL_S = config.number("POLL_SECONDS", 5, least=0.2)
DRAIN_S = config.number("DRAIN_SECONDS", local_state.DRAIN_S)
EXECUTION_DEADLINE_S = config.integer("EXECUTION_DEADLINE_SECONDS", 900, least=10)
MAX_FAILURES = config.integer("EXECUTION_MAX_FAILURES", 5, least=1)
MODEL_CONNECT_TIMEOUT_S = config.number("MODEL_CONNECT_SECONDS", 5, least=0.1)
MODEL_FIRST_BYTE_TIMEOUT_S = config.number("MODEL_FIRST_BYTE_SECONDS", 60, least=0.1)
MODEL_IDLE_TIMEOUT_S = config.number("MODEL_IDLE_SECONDS", 30, least=0.1)

# --- Batches --------------------------------------------------------------------------
MAX_BATCH_BYTES = config.integer("MAX_BATCH_BYTES", 20_000_000, least=1000)
#: Addresses that take more than MAX_REQUEST_BYTES, as patterns of the whole path.
LARGE_REQUESTS = {r"(/api/v1)?/batches|/marketplace/[^/]+/batch": MAX_BATCH_BYTES}
#: Rows of a batch that are queued or running at once, unless its maker says otherwise.
BATCH_IN_FLIGHT = config.integer("BATCH_IN_FLIGHT", 20, least=1)
#: Batches of a team that are not over.
TEAM_MAX_BATCHES = config.integer("TEAM_MAX_BATCHES", 20, least=1)
BATCH_FEED_S = config.number("BATCH_FEED_SECONDS", 1, least=0.1)
#: How often the provider is asked how a batch goes.
BATCH_POLL_S = config.number("BATCH_POLL_SECONDS", 30, least=0.1)
#: A row of a batch may wait for the other lanes for so long.
BATCH_DEADLINE_S = config.integer("BATCH_DEADLINE_SECONDS", 24 * 3600, least=10)
#: The provider promises an answer within a day; the rest is for sending rows once more.
PROVIDER_BATCH_DEADLINE_S = 48 * 3600

# --- Progress -------------------------------------------------------------------------
PROGRESS_RETENTION_S = 24 * 3600
PROGRESS_INTERVAL_S = 0.1
MAX_OUTPUT_CHARS = 2_000_000

# --- REST -----------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.authentication.ApiKeyAuthentication",
        "accounts.api.authentication.TokenAuthentication",
        "accounts.api.authentication.SessionPrincipalAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.access.SignedIn"],
    "DEFAULT_THROTTLE_CLASSES": ["accounts.api.throttling.PrincipalThrottle"],
    "DEFAULT_PARSER_CLASSES": ["aiagents.common.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "aiagents.common.api.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "AI-Agents Platform",
    "DESCRIPTION": "Find, run and chain specialised AI agents; govern who may run what.",
    "VERSION": "1",
    "SERVE_PUBLIC": True,
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "aiagents.common.api.schema.with_problems",
    ],
    "PREPROCESSING_HOOKS": ["aiagents.common.api.schema.only_canonical"],
    "ENUM_NAME_OVERRIDES": {
        "StatusEnum": "agents.choices.ExecutionStatus",
        "BatchStatusEnum": "agents.choices.BatchStatus",
        "RoleEnum": "accounts.choices.Role",
    },
}

# --- Admin: the petrol of the pages (static/css/tokens.css) -------------------------------
UNFOLD = {
    "SITE_TITLE": "AI-Agents administration",
    "SITE_HEADER": "AI-Agents",
    "SITE_SUBHEADER": "Catalogue, people, runs",
    "SITE_SYMBOL": "hub",
    "SITE_URL": "/",
    "SHOW_VIEW_ON_SITE": False,
    "COLORS": {
        "primary": {
            "50": "#eef7f8",
            "100": "#dceff0",
            "200": "#b7dee1",
            "300": "#8ad7dd",
            "400": "#5fc3cb",
            "500": "#2c98a2",
            "600": "#0a6770",
            "700": "#084f56",
            "800": "#123f44",
            "900": "#12343a",
            "950": "#05282c",
        }
    },
}

# --- Static files and headers -------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
    }
}

# --- Logs: one line of JSON an event, by allow-list, no bodies ------------------------------
# One line a request, at its end, and no addresses of people.
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
# RequestGuardMiddleware has checked it, or made it.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
LOG_LEVEL = config.text("LOG_LEVEL", "INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "aiagents.common.logs.json_formatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"level": "WARNING"},
        "django_structlog.celery": {"level": "WARNING"},
        "uvicorn.access": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        # At DEBUG these tell whole requests, prompts and all.
        "anthropic": {"level": "WARNING"},
        "aiohttp": {"level": "WARNING"},
        "httpcore2": {"level": "WARNING"},
    },
}
logs.configure()
