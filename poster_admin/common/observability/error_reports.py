"""Report errors to Sentry, or to a server that speaks its protocol, without secrets and without people.

A report has the kind of error, its traceback and the lines of the log before it. No value of a variable, no
header, cookie, form, query string or user goes along, and every text passes `mask`.
"""

from typing import Any

from poster_admin.common.observability.logs import mask

# Parts of a report that hold what people have sent, or who they are.
LEFT_OUT = ("request", "user", "extra", "server_name", "modules")
# The logger whose lines name users and their addresses.
SECURITY_LOG = "poster_admin.security"


def start(dsn: str) -> None:
    """Report the errors of this process from now on."""
    import sentry_sdk  # noqa: PLC0415 - installed for SENTRY_DSN only

    sentry_sdk.init(
        dsn=dsn,
        before_send=before_send,
        before_breadcrumb=before_breadcrumb,
        include_local_variables=False,
        max_request_body_size="never",
        include_source_context=False,
    )


def before_send(event: Any, _hint: Any) -> Any:
    """Leave out who asked for what, and mask each text that is left."""
    return _masked({name: value for name, value in event.items() if name not in LEFT_OUT})


def before_breadcrumb(crumb: Any, _hint: Any) -> Any:
    """Keep lines of the log alone: the address of a call to Poster may have somebody's phone number in it.

    Of these the security log names users and their addresses, and fields beside the text may do the same.
    """
    if crumb.get("type") != "log" or crumb.get("category") == SECURITY_LOG:
        return None
    return {name: value for name, value in crumb.items() if name != "data"}


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
