"""Mask secrets in logs and error reports: the last line of defence, after the client's own care.

A report for Sentry has the kind of error, its traceback and the lines of the log before it. No value of a
variable, no header, cookie, form, query string or user goes along.
"""

import copy
import html
import logging
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import structlog
from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter
from structlog.contextvars import get_contextvars
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

REQUEST_ID = "poster_admin.request_id"

MASK = "[secret]"
SETTINGS = ("SECRET_KEY", "OIDC_CLIENT_SECRET", "POSTER_TOKEN_KEYS")
# Base32, in groups of four or not: eight for the key of a second factor, six for a recovery code.
_FOUR, _GAP = "[A-Z2-7]{4}", "(?:[ +-]|%20)?"
_CODE = re.compile(
    rf"(?<![A-Za-z0-9]){_FOUR}(?:{_GAP}{_FOUR}){{5}}(?:(?:{_GAP}{_FOUR}){{2}})?(?![A-Za-z0-9])"
)
# The password in an address such as CACHE_URL.
_PASSWORD = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]+(?=@)")


def request_id() -> str:
    return str(get_contextvars().get("request_id", ""))


def mask(text: str) -> str:
    """Mask tokens and codes, known by their shape, and secrets of the settings."""
    values = [getattr(settings, name) for name in SETTINGS]
    secrets = [secret for value in values for secret in ([value] if isinstance(value, str) else value)]
    for secret in _as_written(*secrets):
        text = text.replace(secret, MASK)
    text = _PASSWORD.sub(rf"\1:{MASK}", _CODE.sub(MASK, text))
    redacted: str = import_string("groups.poster.errors.redact")(text)
    return redacted


@lru_cache(maxsize=8)
def _as_written(*secrets: str) -> list[str]:
    """Return each form in which a secret may appear: plain, in a page, and in an address."""
    long = [secret for secret in secrets if len(secret) >= 8]  # shorter ones would mask ordinary words
    written = {each for secret in long for each in (secret, html.escape(secret), quote(secret, safe=""))}
    return sorted(written, key=len, reverse=True)


class RedactFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> logging.LogRecord:
        _request_of(record)
        masked = copy.copy(record)  # a report of the error takes its traceback from the record itself, later
        masked.msg = mask(record.getMessage())
        masked.args = ()
        if record.exc_info:
            masked.exc_text = mask(logging.Formatter().formatException(record.exc_info))
            masked.exc_info = None
        return masked


def _request_of(record: logging.LogRecord) -> str:
    """Return the id of the request that a record belongs to, and store it in the record."""
    about = getattr(getattr(record, "request", None), "META", {})
    return str(vars(record).setdefault("request_id", request_id() or about.get(REQUEST_ID, "-")))


class CarefulFilter(SafeExceptionReporterFilter):
    """Hide values marked as sensitive with DEBUG too: people type real tokens into a demo."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True


class RedactedReporter(ExceptionReporter):
    def get_traceback_html(self) -> Any:
        return mask(super().get_traceback_html())

    def get_traceback_text(self) -> Any:
        return mask(super().get_traceback_text())


def formatter(style: str) -> ProcessorFormatter:
    def rendering(logger: Any, method: str, line: EventDict) -> str:
        if style == "line":
            line.pop("event", None)  # the message has its fields in words
        # Mask last, and the whole line: the filter has seen neither `event` nor the context.
        return mask(str(render(logger, method, line)))

    render: Processor = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    if style == "line":
        render = structlog.dev.ConsoleRenderer(
            colors=False, timestamp_key="time", event_key="message", pad_event_to=0, pad_level=False
        )
    renaming = structlog.processors.EventRenamer("message", replace_by="details")
    return ProcessorFormatter(
        foreign_pre_chain=[_of_record],
        processors=[ProcessorFormatter.remove_processors_meta, renaming, rendering],
    )


def _of_record(_logger: object, _method: str, line: EventDict) -> EventDict:
    record: logging.LogRecord = line["_record"]
    time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    line.update(time=time, level=record.levelname, logger=record.name)
    if hasattr(record, "event"):
        line["details"] = record.event
    line.pop("exc_info", None)
    if record.exc_info and not record.exc_text:
        record.exc_text = logging.Formatter().formatException(record.exc_info)
    if record.exc_text:
        line["exception"] = record.exc_text
    line.update(get_contextvars(), request_id=_request_of(record))
    return line


# --- Reports of errors -----------------------------------------------------------------------------------

# Parts of a report that hold what people have sent, or who they are.
LEFT_OUT = ("request", "user", "extra", "server_name", "modules")


def report_errors(dsn: str) -> None:
    import sentry_sdk  # noqa: PLC0415 - installed for SENTRY_DSN only

    def before_send(event: Any, _hint: Any) -> Any:
        return _masked({name: value for name, value in event.items() if name not in LEFT_OUT})

    def before_breadcrumb(crumb: Any, _hint: Any) -> Any:
        """Keep lines of the log alone: the address of a call to Poster may have a phone number in it.

        Of these the security log names users and their addresses, and fields of a line may do the same.
        """
        if crumb.get("type") != "log" or crumb.get("category") == "poster_admin.security":
            return None
        return {name: value for name, value in crumb.items() if name != "data"}

    sentry_sdk.init(
        dsn=dsn,
        before_send=before_send,
        before_breadcrumb=before_breadcrumb,
        include_local_variables=False,
        max_request_body_size="never",
        include_source_context=False,
    )


def _masked(value: Any) -> Any:
    match value:
        case str():
            return mask(value)
        case dict():
            return {mask(str(name)): _masked(each) for name, each in value.items()}
        case list() | tuple():
            return [_masked(each) for each in value]
        case _:
            return value
