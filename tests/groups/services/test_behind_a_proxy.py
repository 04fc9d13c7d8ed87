"""Test the dashboard in a company's network: each page asks the real address of Poster, through its proxy."""

import logging
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from groups.poster.address import DEFAULT_URL
from groups.services import gateway
from tests.support.company import Authority, Proxy, running, tls_in_front
from tests.support.pages import text_of

pytestmark = pytest.mark.django_db
POSTER = "demo.joinposter.com"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@pytest.fixture
def company(sandbox, settings, authority):
    """Return a function that leads the dashboard through a proxy, to the sandbox in Poster's place."""

    @contextmanager
    def company(*, trusting, **options):
        address = urlsplit(sandbox.url)
        with tls_in_front(authority.server(POSTER), (address.hostname, address.port)) as front:
            proxy = Proxy({f"{POSTER}:443": front}, **options)
            with running(proxy) as url:
                settings.POSTER_API_URL = DEFAULT_URL
                settings.POSTER_PROXY = url
                settings.POSTER_CA_FILE = trusting.file
                gateway.transport.cache_clear()
                yield proxy
                gateway.transport().close()
                gateway.transport.cache_clear()

    return company


def test_the_list_and_a_change_go_through_the_proxy(company, authority, browse, staff, sandbox):
    with company(trusting=authority) as proxy:
        page = browse(staff).get("/groups/")
        assert page.status_code == 200
        assert 'data-group="1"' in page.text
    assert proxy.asked == [f"{POSTER}:443"]
    assert sandbox.calls("clients.getGroups")


def test_a_wrong_authority_says_so_in_one_line_of_the_log_and_on_the_page(
    company, tmp_path, browse, staff, sandbox, caplog
):
    stranger = Authority(tmp_path / "stranger")
    with company(trusting=stranger), caplog.at_level(logging.ERROR, "groups.poster"):
        page = browse(staff).get("/groups/")
    assert page.status_code == 504
    assert "The certificate that answered is not Poster's, so nothing was sent." in text_of(page)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "groups.poster"]
    assert line == (
        "The certificate that answered for Poster is not accepted: unable to get local issuer certificate. "
        f"Authorities: {stranger.file}"
    )
    assert sandbox.calls() == []


def test_a_proxy_that_refuses_is_told_from_a_poster_that_does_not_answer(company, authority, browse, staff):
    with company(trusting=authority, answer=b"HTTP/1.1 403 Forbidden\r\n\r\n"):
        page = browse(staff).get("/groups/")
    assert page.status_code == 504
    assert "Your company's proxy opened no connection to Poster, so nothing was sent." in text_of(page)
