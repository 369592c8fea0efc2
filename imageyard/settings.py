"""Django's settings, made from the environment; every value was checked by `imageyard.env`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from dj_database_url import parse as parse_database_url

from imageyard.env import env_or_exit
from imageyard.logging import configure_structlog, logging_settings

ENV = env_or_exit()
BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

# --- where things are -------------------------------------------------------------------------------------------------
HOME = ENV.home
PUBLIC_URL = ENV.url
REDIS_URL = ENV.redis_url
REGISTRY_HOST = ENV.registry
REGISTRY_SCHEME = ENV.registry_scheme
# "token": the registry is Imageyard's own; it asks web who may do what, and tells web what happened.
REGISTRY_AUTH = ENV.registry_auth
# Where base images of Docker Hub are kept after their first pull, `host:port`; "" where nothing keeps them.
HUB_CACHE = ENV.hub_cache
# The folder that the registry keeps its images in, as this process sees it; empty where it is not ours to clean up.
REGISTRY_STORAGE = ENV.registry_storage
COLLECT_WINDOW_S = ENV.collect_window_s
COLLECT_GRACE_S = ENV.collect_grace_s
# Functions of the rooms above the registry that say what must stay: (registry_id, repository_id) -> digests.
COLLECT_KEEPERS = ["builds.actions.needed_images.needed_digests"]
DOCKER_HOST = ENV.docker_host
BUILDX_BUILDER = ENV.buildx_builder
UNTRUSTED_BUILDER = ENV.untrusted_builder
HOOKS_IMAGE = ENV.hooks_image
HOOKS_DOCKER_HOST = ENV.hooks_docker_host
MIRRORS_DIR = HOME / "mirrors"
WORK_DIR = HOME / "work"

# --- limits -----------------------------------------------------------------------------------------------------------
SLOTS = ENV.slots
BUILD_TIMEOUT_S = ENV.build_timeout_s
LEASE_S = ENV.lease_s
BASE_CHECK_S = ENV.base_check_s
PAUSE_USER_FAILURES = ENV.pause_user_failures
PAUSE_PLATFORM_FAILURES = ENV.pause_platform_failures
DRAIN_S = ENV.drain_s
LOG_CAP_BYTES = ENV.log_cap_bytes
MIN_FREE_BYTES = ENV.min_free_bytes
# Where the engine's data can be seen, if its own path for that is not one of this machine (a container's).
ENGINE_DATA = ENV.engine_data
ALIVE_FILE = ENV.alive_file
# Whether the builder's cache is Imageyard's alone: that of the engine that `make up` started is.
CACHE_IS_OWN = ENV.cache == "own" or (ENV.cache == "auto" and ENV.docker_host == f"unix://{ENV.run_dir}/docker.sock")
CACHE_KEEP_BYTES = ENV.cache_keep_bytes
CACHE_UNUSED_DAYS = ENV.cache_unused_days
TEST_MEMORY_BYTES = ENV.test_memory_bytes
TEST_PIDS = ENV.test_pids
TEST_TIMEOUT_S = ENV.test_timeout_s
DEBUG_HOURS = ENV.debug_hours
SHELLS = ENV.shells
SHELL_MINUTES = ENV.shell_minutes
SHELL_IDLE_MINUTES = ENV.shell_idle_minutes
SHELL_MEMORY_BYTES = ENV.shell_memory_bytes
MAX_ATTEMPTS = 3
TRIGGER_CALLS_PER_MINUTE = 10
CATCH_UP_EVERY_S = 3600
TRUSTED_HOSTS = ENV.trusted_hosts
LOCAL_GIT_ROOT = ENV.local_git_root
ADMIN_TOKEN = ENV.admin_token
WEBHOOK_MAX_BYTES = 25 * 1024 * 1024

# --- Django -----------------------------------------------------------------------------------------------------------
SECRET_KEY = ENV.secret_key
ENCRYPTION_KEYS = ENV.encryption_keys
DEBUG = ENV.debug
_public = urlsplit(PUBLIC_URL)
IS_HTTPS = _public.scheme == "https"
# `web` is what the registry of the compose file calls it by, for its notifications.
ALLOWED_HOSTS = sorted({_public.hostname or "localhost", ENV.http_host, "localhost", "127.0.0.1", "[::1]", "web"})
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
# A browser that was here over https comes back over https, for a year; a first visit over http is the proxy's to move.
SECURE_HSTS_SECONDS = 365 * 86400 if IS_HTTPS else 0
X_FRAME_OPTIONS = "DENY"
ROOT_URLCONF = "imageyard.urls"
ASGI_APPLICATION = "imageyard.asgi.application"
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin.apps.SimpleAdminConfig",  # its pages are loaded with the addresses: workers have none
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "django_htmx",
    "allauth",
    "allauth.account",
    "csp",
    "accounts",
    "registry",
    "builds",
    "webhooks",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "imageyard.middleware.plain_answers",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "imageyard.context.product",
            ],
        },
    },
]

# A worker's writes are short; a reader never waits for them (WAL), and a writer waits its turn (IMMEDIATE).
_SQLITE: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
}
_database: dict[str, Any] = dict(parse_database_url(ENV.database_url, conn_max_age=0))
if _database["ENGINE"].endswith("sqlite3"):
    _database["OPTIONS"] = _SQLITE
elif "postgresql" in _database["ENGINE"]:
    # A server that vanished without a word is an error within half a minute, not a heartbeat that hangs for ever.
    _database["OPTIONS"] = {
        "connect_timeout": 10,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
        **_database.get("OPTIONS", {}),
    }
DATABASES = {"default": _database}
IS_SQLITE = _database["ENGINE"].endswith("sqlite3")

CACHES = {
    "default": {
        "BACKEND": "lib.cache.ForgivingCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "imageyard",
    },
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": HOME / "files"}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "logs": {"BACKEND": ENV.log_storage.backend, "OPTIONS": ENV.log_storage.options},
}
STATIC_URL = "/static/"
# Collected into the image by its Dockerfile, as icons are; from a checkout whitenoise finds the files where they are.
STATIC_ROOT = BASE_DIR / "staticfiles"
# Browser parts come from npm, locked, and are served from where npm puts them; no build step and no CDN.
_VENDOR = {
    "vendor/tabler/css": "@tabler/core/dist/css",
    "vendor/htmx": "htmx.org/dist",
    "vendor/ansi_up": "ansi_up",
    "vendor/xterm": "@xterm/xterm/lib",
    "vendor/xterm/css": "@xterm/xterm/css",
    "vendor/xterm-fit": "@xterm/addon-fit/lib",
}
STATICFILES_DIRS: list[Any] = [BASE_DIR / "static"]
STATICFILES_DIRS += [
    (prefix, BASE_DIR / "node_modules" / folder)
    for prefix, folder in _VENDOR.items()
    if (BASE_DIR / "node_modules" / folder).is_dir()
]
# As an installed app the API's library would be loaded by workers too, for which it is a tenth of a start.
_NINJA = find_spec("ninja")
if _NINJA is not None and _NINJA.origin:
    STATICFILES_DIRS.append(("ninja", Path(_NINJA.origin).parent / "static/ninja"))
# Icons are drawn into the pages. As static files they would be thousands that web looks at whenever it starts.
ICONS = BASE_DIR / "icons"
if not STATIC_ROOT.is_dir():
    ICONS = BASE_DIR / "node_modules/@tabler/icons/icons/outline"
    WHITENOISE_USE_FINDERS = True
    STATIC_ROOT = HOME / "static"
    STATIC_ROOT.mkdir(exist_ok=True)
WHITENOISE_AUTOREFRESH = False

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# --- logging in -------------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.adapter.NoSignup"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key", "login": "30/m/ip"}

# --- what a page may load ---------------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        # Attributes only: Tabler sets progress widths by style attributes. No style element and no foreign sheet runs.
        "style-src": [SELF],
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": [SELF, "data:", "https:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    },
}

# --- Celery: a doorbell -----------------------------------------------------------------------------------------------
CELERY_BROKER_URL = ENV.celery_broker_url
CELERY_BROKER_KIND = urlsplit(ENV.celery_broker_url).scheme
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "doorbell"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# One process more than builds may run: the sweep, archiving and looking at sources never wait for a build to end.
CELERY_WORKER_CONCURRENCY = SLOTS + 1
CELERY_IMPORTS = ["builds.worker"]
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Messages are acknowledged when they arrive (acks_late is off), so nothing is ever redelivered while it runs; the
# timeout stands above the longest build all the same, and correctness rests on the claim alone (field case Q01).
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 8 * 86400, "socket_keepalive": True}
CELERY_BEAT_SCHEDULE = {
    "tick": {"task": "builds.tick", "schedule": 10.0, "options": {"expires": 9.0}},
    "mend-schedules": {"task": "builds.mend_schedules", "schedule": 600.0, "options": {"expires": 300.0}},
    "registry-tick": {"task": "registry.tick", "schedule": 10.0, "options": {"expires": 9.0}},
    "registry-minutely": {"task": "registry.minutely", "schedule": 60.0, "options": {"expires": 50.0}},
    "webhooks-tick": {"task": "webhooks.tick", "schedule": 10.0, "options": {"expires": 9.0}},
    "webhooks-hourly": {"task": "webhooks.hourly", "schedule": 3600.0, "options": {"expires": 3000.0}},
}

CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}},
}

# --- bodies: webhooks of up to 25 MiB are read by their own view, as raw bytes; nothing else is that large ------------
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

LOGGING = logging_settings(debug=DEBUG)
configure_structlog()
