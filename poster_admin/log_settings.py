"""Define which logger writes what, with every token masked."""

from typing import Any


def handlers_and_loggers(style: str) -> dict[str, Any]:
    """Return the setting LOGGING: everything goes to the standard error, in lines or as JSON."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        # Filters belong to the handler: those of a logger do not see the records of its children.
        "filters": {
            "redact": {"()": "poster_admin.common.observability.logs.RedactFilter"},
            "outages": {"()": "poster_admin.common.outages.OutageFilter"},
        },
        "formatters": {
            "line": {"()": "poster_admin.common.observability.logs.formatter", "style": "line"},
            "json": {"()": "poster_admin.common.observability.logs.formatter", "style": "json"},
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": style, "filters": ["redact"]},
        },
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "django": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
            "django.request": {"filters": ["outages"]},
            "django.server": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
            # Its warnings contain whole URLs, with the token: "Failed to parse headers (url=…)".
            "urllib3": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
            # The log of jobs reports the same under the jobs' own names.
            "django.tasks": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "django_tasks_db": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "axes": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        },
    }
