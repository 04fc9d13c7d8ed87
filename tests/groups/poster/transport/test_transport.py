"""Test the HTTP transport: failures, time, memory, and headers."""

import gzip
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from groups.poster import (
    InvalidResponse,
    OutcomeUnknown,
    PosterClient,
    PosterError,
    Timeouts,
    Transport,
    Unreachable,
)
from groups.poster.transport import TransportFailure
from poster_admin.devtools.sandbox.http import network
from tests.support.leaks import assert_silent
from tests.support.listener import EMPTY_LIST, listening, read_request
from tests.support.timeouts import AT_ONCE
from tests.support.values import VALUES

ROOT = Path(__file__).resolve().parents[4]
QUICK = Timeouts(connect=0.3, read=0.4, read_deadline=0.9, write_deadline=0.8, pause=AT_ONCE)
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.fixture
def client(sandbox):
    """Return a function that creates a client of an address, trusting its certificate if told to."""
    made = []

    def client(url, *, ca_file=None, timeouts=QUICK, account="demo"):
        transport = Transport(ca_file=ca_file)
        made.append(transport)
        return PosterClient(
            account, sandbox.accounts["demo"].token, url=url, timeouts=timeouts, transport=transport
        )

    yield client
    for transport in made:
        transport.close()


@pytest.fixture
def tries(monkeypatch):
    """Return a list that grows by one with each exchange: if nothing is sent, no server can count."""
    made, exchange = [], Transport.exchange

    def counted(*args, **options):
        made.append(args)
        return exchange(*args, **options)

    monkeypatch.setattr(Transport, "exchange", counted)
    return made


@contextmanager
def fails():
    """Hold the error of the block, which shows no token."""
    with pytest.raises(PosterError) as caught:
        yield caught
    assert_silent(caught.value)


def reads_and_writes(poster):
    return [poster.get_groups, lambda: poster.get_group(1)], [
        lambda: poster.create_group(VALUES),
        lambda: poster.update_group(1, VALUES),
        lambda: poster.remove_group(1),
    ]


# --- Never sent --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (network.unresolved, "name_not_found"),
        (network.refused, "refused"),
        (network.full_backlog, "connect_timeout"),
    ],
)
def test_where_no_connection_is_made_nothing_was_sent_and_all_is_tried_twice(client, tries, place, reason):
    with place() as endpoint:
        reads, writes = reads_and_writes(client(endpoint.url))
        for call in (reads[0], writes[1]):
            tries.clear()
            with fails() as caught:
                call()
            assert type(caught.value) is Unreachable
            assert (caught.value.reason, caught.value.sent) == (reason, False)
            assert len(tries) == 2


@pytest.mark.parametrize("place", [network.untrusted_tls, network.expired_tls, network.wrong_name_tls])
def test_a_bad_certificate_is_seen_before_anything_is_sent_and_not_tried_again(client, place):
    with place() as endpoint:
        trusting = endpoint.ca_file if place is not network.untrusted_tls else None
        reads, writes = reads_and_writes(client(endpoint.url, ca_file=trusting))
        for count, call in enumerate((*reads, *writes), start=1):
            with fails() as caught:
                call()
            assert type(caught.value) is Unreachable
            assert (caught.value.reason, caught.value.sent) == ("certificate", False)
            assert endpoint.connections == count
        assert endpoint.requests == 0


def test_a_write_after_its_deadline_is_not_sent(client):
    with listening() as listener:
        poster = client(listener.url)
        for within in (0, -1):
            with fails() as caught:
                poster.update_group(1, VALUES, within=within)
            assert type(caught.value) is Unreachable
            assert (caught.value.reason, caught.value.sent) == ("deadline", False)
        assert listener.connections == 0


# --- Perhaps sent ------------------------------------------------------------------------------------------


def test_a_broken_record_after_the_request_leaves_a_write_unknown_and_is_not_repeated(client):
    """Here urllib3's own retries would have sent the write four times."""
    with network.garbage_after_request() as endpoint:
        reads, writes = reads_and_writes(client(endpoint.url, ca_file=endpoint.ca_file))
        for call in writes:
            before = endpoint.requests
            with fails() as caught:
                call()
            assert type(caught.value) is OutcomeUnknown
            assert endpoint.requests == before + 1
        for call in reads:
            before = endpoint.requests
            with fails() as caught:
                call()
            assert type(caught.value) is Unreachable
            assert (caught.value.reason, caught.value.sent) == ("tls", True)
            assert endpoint.requests == before + 2


@pytest.mark.parametrize("place", [network.closes_in_handshake, network.plain_http])
def test_a_failed_handshake_is_like_a_later_failure(client, place):
    with place() as endpoint:
        reads, writes = reads_and_writes(client(endpoint.url))
        with fails() as caught:
            writes[0]()
        assert type(caught.value) is OutcomeUnknown
        assert endpoint.connections == 1
        with fails() as caught:
            reads[0]()
        assert type(caught.value) is Unreachable
        assert caught.value.sent
        assert endpoint.connections == 3


def test_an_error_that_is_being_handled_is_not_taken_for_the_one_of_the_call(sandbox, connect):
    """A foreign "connection refused" would claim that the write was not sent, and cause a second one."""
    sandbox.script("clients.updateGroup", "fin_before_headers", times=None)
    poster = connect()
    for other in (socket.gaierror("dns"), ssl.SSLCertVerificationError("tls"), TimeoutError("database")):
        sandbox.log.clear()
        try:
            raise other
        except OSError:
            with pytest.raises(OutcomeUnknown) as caught:
                poster.update_group(1, VALUES)
        assert caught.value.reason == "connection_lost"
        assert len(sandbox.posts()) == 1


# --- Time --------------------------------------------------------------------------------------------------


def drip(connection, endpoint):
    if read_request(connection):
        endpoint.note_request()
        for byte in JSON + b"\r\n" + b" " * 100:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)


def be_silent(connection, _endpoint):
    connection.recv(65_536)
    connection.settimeout(3)
    connection.recv(65_536)


def test_a_slow_drip_through_tls_ends_at_the_deadline(client):
    with network._tls(drip) as endpoint:
        reads, writes = reads_and_writes(client(endpoint.url, ca_file=endpoint.ca_file))
        for call in (reads[0], writes[0]):
            before = endpoint.requests
            with fails() as caught:
                call()
            assert caught.value.reason == "timeout"
            assert endpoint.requests == before + 1


def test_a_handshake_that_never_ends_is_cut_short(client):
    with network._listening("https", be_silent) as endpoint:
        reads, writes = reads_and_writes(client(endpoint.url))
        for call, kind in ((reads[0], Unreachable), (writes[0], OutcomeUnknown)):
            with fails() as caught:
                call()
            assert type(caught.value) is kind


def test_the_bounds_of_one_call_are_not_those_of_the_next(client):
    with listening() as listener:
        poster = client(listener.url)
        poster.get_groups(within=0.5)
        time.sleep(0.6)
        assert poster.get_groups().groups == ()
        assert listener.connections == 1


# --- Memory ------------------------------------------------------------------------------------------------

GREEDY = """
import os, resource, sys
from groups.poster import InvalidResponse, PosterClient
poster = PosterClient("demo", os.environ["POSTER_TOKEN"], url=sys.argv[1])
poster.get_group(1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    poster.get_groups()
except InvalidResponse as error:
    print(error.reason, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(("fault", "megabytes"), [("gzip_bomb", 600), ("huge_body", 40)])
def test_an_endless_body_is_refused_before_it_fills_the_memory(sandbox, fault, megabytes):
    sandbox.script("clients.getGroups", fault, megabytes=megabytes)
    run = subprocess.run(
        [sys.executable, "-c", GREEDY, sandbox.url],
        cwd=ROOT,
        env={"POSTER_TOKEN": sandbox.accounts["demo"].token},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert run.stderr == ""
    reason, grown = run.stdout.split()
    assert reason == "too_large"
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(grown) * unit < 100_000_000
    assert len(sandbox.calls("clients.getGroups")) == 1


def members_of_gzip(count):
    """Return an answer of so many members, all but the last of them empty."""
    body = gzip.compress(b"") * (count - 1) + gzip.compress(b'{"response":[]}') + b"\0\0"
    return JSON + f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def test_an_answer_has_few_members_of_gzip(client):
    with listening(*map(members_of_gzip, (1, 15, 200_000))) as listener:
        poster = client(listener.url, timeouts=replace(QUICK, read_deadline=30))
        assert poster.get_groups().groups == poster.get_groups().groups == ()
        with fails() as error:
            poster.get_groups()
        assert error.value.reason == "bad_encoding"


# --- State carried from call to call -----------------------------------------------------------------------


def test_a_request_says_no_more_than_it_has_to(client):
    cookie = JSON + b"Set-Cookie: PHPSESSID=1; Path=/\r\nContent-Length: 15\r\n\r\n" + EMPTY_LIST[-15:]
    with listening(cookie, JSON + b'Content-Length: 14\r\n\r\n{"response":1}') as listener:
        poster = client(listener.url)
        poster.get_groups()
        poster.update_group(1, VALUES)
    read, write = listener.requests
    assert read.startswith("GET /demo/api/clients.getGroups?format=json&token=")
    assert write.startswith("POST /demo/api/clients.updateGroup?format=json&token=")
    for request in (read, write):
        names = {
            line.partition(":")[0].lower() for line in request.partition("\r\n\r\n")[0].split("\r\n")[1:]
        }
        assert {"host", "accept-encoding"} <= names
        assert not names & {"cookie", "authorization", "proxy-authorization", "referer", "expect"}
    assert "content-type: application/x-www-form-urlencoded" in write.lower()
    assert "token" not in write.partition("\r\n\r\n")[2]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_its_target_sees_nothing(client, status):
    with listening() as target:
        location = target.url.replace("{account}", "demo")
        moved = f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        with listening(moved) as listener:
            reads, writes = reads_and_writes(client(listener.url))
            for calls, kind in ((reads, InvalidResponse), (writes, OutcomeUnknown)):
                for call in calls:
                    with fails() as caught:
                        call()
                    assert type(caught.value) is kind
                    assert caught.value.reason == "moved"
        assert len(listener.requests) == 5
        assert target.connections == 0


def test_proxies_and_passwords_of_the_environment_are_ignored(client, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    netrc.chmod(0o600)
    with listening() as proxy, listening() as listener:
        address = f"http://127.0.0.1:{proxy.port}"
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, address)
            monkeypatch.setenv(name.upper(), address)
        monkeypatch.setenv("NETRC", str(netrc))
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        client(listener.url).get_groups()
        assert proxy.connections == 0
    assert "authorization" not in listener.requests[0].lower()


def test_authorities_of_the_environment_are_ignored(client, monkeypatch):
    with network.untrusted_tls() as endpoint:
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.setenv(name, endpoint.ca_file)
        with fails() as caught:
            client(endpoint.url).get_groups()
        assert caught.value.reason == "certificate"


def test_what_is_no_address_is_never_sent(transport):
    no_hosts = ("http://" + "a" * 300 + ".invalid/", "http://[::1", "http://:80/", "http://\u2024/")
    for url in (*no_hosts, "ftp://127.0.0.1/", "127.0.0.1/"):
        result = transport.exchange(
            "POST", url, params={}, form={}, timeouts=QUICK, deadline=time.monotonic() + 1
        )
        assert result == TransportFailure("bad_address", sent=False, retryable=False)
