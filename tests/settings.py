"""Settings for tests: a home of their own, nothing shared with a running Imageyard, no service unless a test asks."""

from __future__ import annotations

import os
import tempfile

# Processes that run tests side by side number their builds alike, so each has a folder of its own.
if "IMAGEYARD_HOME" not in os.environ or "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["IMAGEYARD_HOME"] = tempfile.mkdtemp(prefix="imageyard-test-")
os.environ.pop("IMAGEYARD_ADMIN_TOKEN", None)

from imageyard.settings import *

ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
WHITENOISE_AUTOREFRESH = True
if IS_SQLITE:
    # A file, not memory: threads then wait for each other's transactions as processes do.
    DATABASES["default"]["TEST"] = {"NAME": HOME / "test.sqlite3"}
