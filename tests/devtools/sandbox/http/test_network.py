"""Addresses at which no call reaches Poster, tried with the HTTP client of the standard library."""

import socket
import ssl
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit

import pytest

from poster_admin.devtools.sandbox.http import network


def post(endpoint, *, trust=True, timeout=5):
    """Send a POST, and return the body of its answer."""
    url = urlsplit(endpoint.url.format(account="demo"))
    if url.scheme == "https":
        context = ssl.create_default_context(cafile=endpoint.ca_file if trust else None)
        connection = HTTPSConnection(url.netloc, timeout=timeout, context=context)
    else:
        connection = HTTPConnection(url.netloc, timeout=timeout)
    try:
        connection.request("POST", f"{url.path}clients.createGroup", body="a=b")
        return connection.getresponse().read()
    finally:
        connection.close()


def test_nobody_there():
    with network.unresolved() as endpoint, pytest.raises(socket.gaierror):
        post(endpoint)


def test_nobody_listens():
    with network.refused() as endpoint, pytest.raises(ConnectionRefusedError):
        post(endpoint)


def test_nobody_accepts():
    with network.full_backlog() as endpoint, pytest.raises(TimeoutError):
        post(endpoint, timeout=0.3)


def test_an_authority_that_nobody_knows():
    with network.untrusted_tls() as endpoint:
        with pytest.raises(ssl.SSLCertVerificationError):
            post(endpoint, trust=False)
        assert (endpoint.connections, endpoint.requests) == (1, 0)
        assert post(endpoint) == b'{"response":[]}'
        assert endpoint.requests == 1


@pytest.mark.parametrize(
    ("certificate", "words"), [(network.expired_tls, "expired"), (network.wrong_name_tls, "mismatch")]
)
def test_certificates_that_do_not_hold(certificate, words):
    with certificate() as endpoint:
        with pytest.raises(ssl.SSLCertVerificationError, match=words):
            post(endpoint)
        assert endpoint.requests == 0


def test_garbage_after_the_request():
    with network.garbage_after_request() as endpoint:
        with pytest.raises(ssl.SSLError) as caught:
            post(endpoint)
        assert not isinstance(caught.value, ssl.SSLCertVerificationError)
        assert endpoint.requests == 1


@pytest.mark.parametrize("broken", [network.closes_in_handshake, network.plain_http])
def test_no_tls_at_all(broken):
    with broken() as endpoint:
        with pytest.raises(ssl.SSLError):
            post(endpoint)
        assert (endpoint.connections, endpoint.requests) == (1, 0)
