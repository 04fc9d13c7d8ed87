"""Logs and error reports without tokens: the last line of defence, after the client's own care."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from django.views.debug import ExceptionReporter

from groups.poster.redact import redact

# Written with dashes: 32 digits in a row would be taken for a token, and masked.
request_id: ContextVar[str] = ContextVar("request_id", default="")


class RedactFilter(logging.Filter):
    """Mask every token in a record, its arguments and its traceback, before a handler writes it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get() or "-"
        record.msg = redact(record.getMessage())
        record.args = ()
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


class RedactedReporter(ExceptionReporter):
    """Django's error report, as a page and as a mail, with every token masked."""

    def get_traceback_html(self) -> Any:
        return redact(super().get_traceback_html())

    def get_traceback_text(self) -> Any:
        return redact(super().get_traceback_text())


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for a log collector. What a record has in `event` goes in as it is."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": request_id.get(),
        }
        if hasattr(record, "event"):
            line["event"] = record.event
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            line["exception"] = record.exc_text
        # Once more over the whole line: `event` has not been through the filter.
        return redact(json.dumps(line, ensure_ascii=False, default=str))
