"""Test the address of a call: the account's own host, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from groups.poster import DEFAULT_URL, PosterClient, api_url

DOMAIN = "https://{account}.joinposter.com/api/"
PATTERNS = [
    DOMAIN,
    "https://{account}.joinposter.com:8443/api",
    "https://joinposter.com/api/",
    "https://gate.example.com/{account}/api/",
    "https://nginx.{account}.example.com/api/",
    "http://127.0.0.1:8001/{account}/api/",
    "http://[::1]:8001/{account}/api/",
]
HOSTILE = {
    # Each of these would have sent the token to somebody else.
    "another host": "evil.com/",
    "another host, fragment": "evil.com#",
    "another host, backslash": "evil.com\\",
    "user at a host": "user@evil.com/",
    "this machine": "127.0.0.1:80#",
    "IPv6": "[::1]",
    "a label more": "a.b",
    "a trailing dot": "demo.",
    "a full-width slash": "evil.com／",
    "an ideographic stop": "demo。evil",
    "a quoted dot": "%2e",
    "a port": "demo:80",
    "a path": "demo/../x",
    # None of these is a valid host label.
    "nothing": "",
    "a space behind": "demo ",
    "a line": "demo\n",
    "a header": "demo\r\nHost: evil",
    "NUL": "demo\0",
    "Cyrillic": "демо",
    "punycode": "xn--d1acpjx3f",
    "any third and fourth hyphen": "de--mo",
    "circled digits": "①②⑦",
    "a zero width space": "de\u200bmo",
    "the Kelvin sign": "\u212aavarnia",
    "an Arabic digit": "demo١",
    "upper case": "DEMO",
    "a hyphen before": "-demo",
    "a hyphen behind": "demo-",
    "an underscore": "demo_1",
    "braces": "{account}",
    "64 letters": "a" * 64,
}
ACCOUNTS = ("demo", "api-demo", "goblins-yard2", "a", "1", "x", "a1-2-3", "a" * 63)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_account_name_is_refused_whatever_the_pattern_and_makes_no_call(sandbox, name):
    for pattern in PATTERNS:
        with pytest.raises(ValueError, match="account"):
            api_url(pattern, name)
    for url in (sandbox.url, sandbox.bare_url):
        with pytest.raises(ValueError, match="account") as caught:
            PosterClient(name, sandbox.accounts["demo"].token, url=url).get_groups()
        assert not name.strip() or name not in str(caught.value)
    assert len(sandbox.log) == 0


@pytest.mark.parametrize("account", ACCOUNTS)
def test_an_account_has_its_host(account):
    assert api_url(DEFAULT_URL, account) == f"https://{account}.joinposter.com/api/"


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_with_the_account_anywhere_or_nowhere(pattern):
    for account in ACCOUNTS:
        assert api_url(pattern, account) == pattern.rstrip("/").replace("{account}", account) + "/"


@pytest.mark.parametrize(
    "pattern", ["https://user:pw@{account}.example.com/", "https://{account}@example.com/"]
)
def test_a_pattern_with_a_password_in_it_is_refused(pattern):
    with pytest.raises(ValueError, match="account"):
        api_url(pattern, "demo")


@given(name=st.text(st.sampled_from("abk019-._@:/?#\\%[]{} \u212a\u0131。／\n\0"), max_size=70) | st.text())
def test_whatever_the_name_the_host_is_the_expected_one_or_none(name):
    try:
        address = api_url(DOMAIN, name)
    except ValueError:
        return
    url = parse_url(address)
    assert (url.scheme, url.host, url.port, url.auth) == ("https", f"{name}.joinposter.com", None, None)
    assert address == f"https://{name}.joinposter.com/api/"
