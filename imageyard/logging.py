"""How log lines look: one form for everything, on standard error, and never a local variable or a URL's password."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from lib.redact import strip_trigger_secrets, strip_url_credentials


def configure_structlog() -> None:
    """Send structlog's events through the standard library's handlers, tracebacks without the values of locals."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            # Its own default prints locals where `rich` is installed, and locals hold credentials in clear.
            structlog.processors.format_exc_info,
            _without_credentials,
            structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class QuietFormatter(logging.Formatter):
    """A line without the secrets that addresses hold: Django's own names the path of whatever was refused."""

    def format(self, record: logging.LogRecord) -> str:
        return strip_trigger_secrets(super().format(record))


def _without_credentials(_logger: Any, _method: str, event: Any) -> Any:
    return {key: strip_url_credentials(value) if isinstance(value, str) else value for key, value in event.items()}


def logging_settings(*, debug: bool) -> dict[str, Any]:
    """Django's LOGGING."""
    quiet = ["httpx", "httpcore", "git", "asyncio", "django.db", "markdown_it", "amqp"]
    # Uvicorn was here before: `--no-access-log` took its handlers off, and giving it ours would log every request.
    access = ["stderr"] if logging.getLogger("uvicorn.access").handlers else []
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {"()": QuietFormatter, "fmt": "{asctime} {levelname:<7} {name}: {message}", "style": "{"},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": sys.stderr}},
        "root": {"handlers": ["stderr"], "level": "DEBUG" if debug else "INFO"},
        "loggers": {
            # Their own handlers do not know our form.
            "django": {"handlers": [], "propagate": True},
            "uvicorn.access": {"handlers": access, "propagate": False},
            **{name: {"level": "WARNING"} for name in quiet},
        },
    }
