"""Set the headers of static files."""

from collections.abc import MutableMapping


def add_headers(headers: MutableMapping[str, str], path: str, url: str) -> None:
    """Give a file a policy of its own: it loads nothing, so it needs no list of what it may load.

    The policy of the pages is three times as long, and a first visit fetches more than twenty files.
    """
    headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
