"""Mask secrets in logs and error reports: the last line of defence, after the client's own care."""

import html
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

# Keep the dashes: 32 hexadecimal digits in a row would be masked as a token.
request_id: ContextVar[str] = ContextVar("request_id", default="")
REQUEST_ID = "poster_admin.request_id"

MASK = "[secret]"
# Shorter values would mask ordinary words in the log.
SHORTEST = 8
SETTINGS = ("SECRET_KEY", "OIDC_RP_CLIENT_SECRET", "METRICS_TOKEN", "POSTER_TOKEN_KEYS")
# Base32, in groups of four or not: eight for the key of a second factor, six for a recovery code.
_FOUR, _GAP = "[A-Z2-7]{4}", "(?:[ +-]|%20)?"
_CODE = re.compile(
    rf"(?<![A-Za-z0-9]){_FOUR}(?:{_GAP}{_FOUR}){{5}}(?:(?:{_GAP}{_FOUR}){{2}})?(?![A-Za-z0-9])"
)
# The password in an address such as CACHE_URL.
_PASSWORD = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]+(?=@)")


def mask(text: str) -> str:
    """Mask in a text tokens and codes, known by their shape, and secrets of the settings."""
    for secret in _as_written(*_secrets_of_settings()):
        text = text.replace(secret, MASK)
    redact: Callable[[str], str] = import_string(settings.REDACT_LOGS_WITH)
    return redact(_PASSWORD.sub(rf"\1:{MASK}", _CODE.sub(MASK, text)))


def _secrets_of_settings() -> Iterator[str]:
    for name in SETTINGS:
        value = getattr(settings, name)
        yield from [value] if isinstance(value, str) else value


@lru_cache(maxsize=8)
def _as_written(*secrets: str) -> list[str]:
    """Return each form in which a secret may appear: plain, escaped for a page, and quoted for an address."""
    long = [secret for secret in secrets if len(secret) >= SHORTEST]
    written = {each for secret in long for each in (secret, html.escape(secret), quote(secret, safe=""))}
    return sorted(written, key=len, reverse=True)


class RedactFilter(logging.Filter):
    """Mask every secret in a record, its arguments and its traceback, before a handler writes it."""

    def filter(self, record: logging.LogRecord) -> bool:
        _request_of(record)
        record.msg = mask(record.getMessage())
        record.args = ()
        if record.exc_info:
            record.exc_text = mask(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


def _request_of(record: logging.LogRecord) -> str:
    """Return the id of the request that a record belongs to, and store it in the record."""
    about = getattr(getattr(record, "request", None), "META", {})
    return str(vars(record).setdefault("request_id", request_id.get() or about.get(REQUEST_ID, "-")))


class CarefulFilter(SafeExceptionReporterFilter):
    """Hide values marked as sensitive with DEBUG too: people type real tokens into a demo."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True


class RedactedReporter(ExceptionReporter):
    """Django's error report, as a page and as a mail, with every secret masked."""

    def get_traceback_html(self) -> Any:
        return mask(super().get_traceback_html())

    def get_traceback_text(self) -> Any:
        return mask(super().get_traceback_text())


class JsonFormatter(logging.Formatter):
    """Write one JSON object per line, for a log collector, with the fields of a record's `event`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": _request_of(record),
        }
        if hasattr(record, "event"):
            line["event"] = record.event
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            line["exception"] = record.exc_text
        # Mask the whole line once more: the filter has not seen `event`.
        return mask(json.dumps(line, ensure_ascii=False, default=str))
