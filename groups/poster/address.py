"""Build the address of an account's API, to which the token is sent, and to no other host."""

import re
from functools import lru_cache

from urllib3.util import parse_url

DEFAULT_URL = "https://{account}.joinposter.com/api/"
ACCOUNT = re.compile(r"(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
"""The login of a Poster account: one DNS label. Any other text could send the token to a foreign host."""


@lru_cache(maxsize=1000)
def api_url(pattern: str, account: str) -> str:
    """Return the address of an account's API. Raises `ValueError` if `account` is not a valid login.

    Parse the finished address again and compare its host with the pattern's, so that no login can change
    the host.
    """
    if not ACCOUNT.fullmatch(account):
        raise ValueError("This is not the login of a Poster account.")
    url = parse_url(pattern.replace("{account}", account))
    stand_in = "account-of-poster"
    expected = parse_url(pattern.replace("{account}", stand_in))
    host = (expected.host or "").replace(stand_in, account)
    if (url.scheme, url.host, url.port, url.auth) != (expected.scheme, host, expected.port, None):
        raise ValueError("The account's login changes the address of the API.")
    return str(url).rstrip("/") + "/"
