"""Test the way through a company's proxy: a real tunnel, a test authority, and the real address of Poster."""

from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from groups.poster import OutcomeUnknown, PosterClient, Transport, Unreachable
from poster_admin.devtools.sandbox.http.network import plain_http
from tests.support.company import Authority, Proxy, running, tls_in_front
from tests.support.leaks import assert_silent
from tests.support.timeouts import TIMEOUTS
from tests.support.values import VALUES

POSTER = "demo.joinposter.com"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@pytest.fixture
def stranger(tmp_path):
    """Return an authority that vouches for nobody here."""
    return Authority(tmp_path / "stranger")


@pytest.fixture
def network(sandbox, authority):
    """Return a function that yields a proxy and its address; behind it the sandbox is Poster."""

    @contextmanager
    def network(*, tls=None, **options):
        address = urlsplit(sandbox.url)
        server = authority.server(POSTER)
        with tls_in_front(server, (address.hostname, address.port)) as front:
            proxy = Proxy({f"{POSTER}:443": front}, **options)
            with running(proxy, tls) as url:
                yield proxy, url

    return network


@pytest.fixture
def through(sandbox):
    """Return a function that creates a client of the real address of Poster, through a proxy."""
    made = []

    def through(proxy, ca_file, **options):
        made.append(Transport(proxy=proxy, ca_file=ca_file))
        token = sandbox.accounts["demo"].token
        return PosterClient("demo", token, **{"timeouts": TIMEOUTS, "transport": made[-1]} | options)

    yield through
    for transport in made:
        transport.close()


def refused(call, kind=Unreachable):
    with pytest.raises(Unreachable) as caught:
        call()
    assert type(caught.value) is kind
    assert_silent(caught.value)
    return caught.value


def test_reads_and_writes_go_through_one_tunnel(sandbox, network, authority, through):
    with network() as (proxy, url):
        poster = through(url, authority.file)
        assert len(poster.get_groups().groups) == len(sandbox.accounts["demo"].groups)
        created = poster.create_group(VALUES)
        assert poster.get_group(created).name == VALUES.name
    assert proxy.targets == [f"{POSTER}:443"]
    assert len(sandbox.posts()) == 1


def test_a_name_and_a_password_for_the_proxy_are_sent_to_it_and_to_nobody_else(network, authority, through):
    with network(credentials="us:п@ss/w#rd") as (proxy, url):
        named = url.replace("http://", "http://us:%D0%BF%40ss%2Fw%23rd@")
        assert through(named, authority.file).get_groups().groups
        error = refused(through(url, authority.file).get_groups)
    assert (error.reason, error.sent) == ("proxy", False)
    assert proxy.targets == [f"{POSTER}:443"] * 3


def test_a_certificate_that_is_not_accepted_says_why_and_nothing_is_sent(sandbox, network, stranger, through):
    with network() as (_, url):
        poster = through(url, stranger.file)
        for call in (poster.get_groups, lambda: poster.update_group(1, VALUES)):
            error = refused(call)
            words = "unable to get local issuer certificate"
            assert (error.reason, error.sent, error.detail) == ("certificate", False, words)
    assert sandbox.calls() == []


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\noh\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
)
def test_where_the_proxy_opens_no_tunnel_nothing_was_sent_and_all_is_tried_twice(
    network, authority, through, answer
):
    with network(answer=answer) as (proxy, url):
        poster = through(url, authority.file)
        for call in (poster.get_groups, lambda: poster.update_group(1, VALUES)):
            proxy.targets.clear()
            error = refused(call)
            assert (error.reason, error.sent) == ("proxy", False)
            assert len(proxy.targets) == 2


def test_tls_that_fails_behind_the_proxy_is_no_failure_of_the_proxy(authority, through):
    with plain_http() as endpoint:
        proxy = Proxy({f"{POSTER}:443": ("127.0.0.1", urlsplit(endpoint.url).port)})
        with running(proxy) as url:
            error = refused(through(url, authority.file).get_groups)
    assert (error.reason, error.sent) == ("tls", True)


@pytest.mark.parametrize("fault", ["fin_before_headers", "reset_before_headers"])
def test_a_write_whose_answer_is_lost_behind_the_proxy_is_unknown_and_not_repeated(
    sandbox, network, authority, through, fault
):
    """urllib3 calls this a failure of the proxy, as if nothing had been sent."""
    sandbox.script("clients.updateGroup", fault, times=None)
    with network() as (_, url):
        poster = through(url, authority.file)
        poster.get_groups()
        error = refused(lambda: poster.update_group(1, VALUES), OutcomeUnknown)
    assert error.sent
    assert len(sandbox.posts()) == 1
