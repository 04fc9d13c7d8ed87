"""Logs and error reports without tokens: the last line of defence, after the client's own care."""

import logging
from typing import Any

from django.views.debug import ExceptionReporter

from groups.poster.redact import redact


class RedactFilter(logging.Filter):
    """Mask every token in a record, its arguments and its traceback, before a handler writes it."""

    def filter(self, record: logging.LogRecord) -> bool:
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
