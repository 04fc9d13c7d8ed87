"""Refuse settings that are each right alone, and wrong together or in this place."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from poster_admin.env import Environment
from poster_admin.env_values import is_loopback

# Seconds between two looks at Poster: a second one right after the first sees the same late or untrue answer.
LEAST_CONFIRM = 1


def refuse(env: Environment, settings: Mapping[str, Any]) -> None:
    """Record each contradiction, for one line at the start, unless a value is wrong in itself."""
    if env.is_wrong:
        return
    read = SimpleNamespace(**settings)
    poster_is_here = is_loopback(urlsplit(read.POSTER_API_URL).hostname or "")
    proxy_is_here = is_loopback(urlsplit(read.POSTER_PROXY).hostname or "")
    has_tls = read.POSTER_API_URL.startswith("https:")
    for name, is_right, words in (
        (
            "POSTER_PROXY",
            not read.POSTER_PROXY or has_tls or proxy_is_here,
            "would read the tokens: POSTER_API_URL has no TLS",
        ),
        (
            "POSTER_CONFIRM_SECONDS",
            poster_is_here or read.POSTER_CONFIRM_SECONDS >= LEAST_CONFIRM,
            f"is less than {LEAST_CONFIRM}, which is for a sandbox on this machine: two looks would be one",
        ),
        (
            "POSTER_SETTLE_SECONDS",
            read.POSTER_SETTLE_SECONDS >= read.POSTER_LAG_SECONDS,
            "is less than POSTER_LAG_SECONDS: a change would count as not made while reads may still be late",
        ),
        (
            "POSTER_SETTLE_SECONDS",
            read.POSTER_SETTLE_SECONDS >= read.POSTER_CONFIRM_SECONDS,
            "is less than POSTER_CONFIRM_SECONDS: a change would count as not made before the second look",
        ),
        (
            "OIDC_CLIENT_ID",
            not read.OIDC_CLIENT_ID or (read.OIDC_ISSUER and read.OIDC_CLIENT_SECRET),
            "is set, but OIDC_ISSUER or OIDC_CLIENT_SECRET is missing",
        ),
    ):
        env.require(name, is_right, words)
