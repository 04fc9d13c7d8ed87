"""The bytes that each family of faults puts on the wire."""

import contextlib
import gzip
import json
import time
import zlib
from operator import itemgetter

import pytest

from poster_admin.devtools.sandbox import FAULTS
from tests.support import pairwise
from tests.support.wire import CALLS, everything, raw, response, split

QUICK = {"seconds": 0.05, "interval": 0.001, "megabytes": 2}


def drain(opened, fault):
    """Read until the connection ends; one fault never ends it."""
    with contextlib.suppress(ConnectionResetError):
        if fault == "endless_continue":
            opened.recv(100)
        else:
            everything(opened)


def reset(wire, fault):
    """Return the bytes before the reset of the connection; fail if it was closed instead."""
    wire.sandbox.script("clients.getGroups", fault)
    data = b""
    with wire.open() as opened:
        opened.sendall(wire.request("clients.getGroups"))
        try:
            while more := opened.recv(65_536):
                data += more
        except ConnectionResetError:
            return data
    pytest.fail("It was closed.")


# --- All of them -------------------------------------------------------------------------------------------


EVERY = [(fault.name, kind) for fault in FAULTS.values() for kind in sorted(fault.kinds)]
IN_LISTS = [name for name, fault in FAULTS.items() if "list" in fault.kinds]


def few(cases, name_of):
    """Return the cases of `make test`, one of each row of the catalogue: it is a tool of developers."""
    return pairwise.covering(cases, lambda case: {FAULTS[name_of(case)].row})


@pytest.mark.parametrize(("name", "kind"), pairwise.marked(EVERY, few(EVERY, itemgetter(0)), name="-".join))
def test_any_fault_ends_and_the_sandbox_goes_on(sandbox, wire, name, kind):
    fault = FAULTS[name]
    options = {option: value for option, value in QUICK.items() if option in fault.options}
    sandbox.script(CALLS[kind][0], name, **options)
    method, form, query = CALLS[kind]
    with wire.open() as opened:
        opened.sendall(wire.request(method, form, **query))
        drain(opened, name)
    assert [call.fault for call in sandbox.log] == [name]
    assert len(wire.call("clients.getGroups")["response"]) >= 3
    if kind == "write" and not fault.applies_itself:
        assert sandbox.posts()[0].applied is (fault.certain != "not_applied")


READABLE = [f.name for f in FAULTS.values() if f.readable and "get" in f.kinds and f.name != "busy_console"]


@pytest.mark.parametrize("name", READABLE)
def test_a_readable_answer_still_holds_the_truth(wire, name):
    head, body = split(raw(wire, name, "get"))
    if "gzip" in head:
        body = gzip.decompress(body)
    group = json.loads(body.decode("utf-8-sig"))["response"]
    assert group["client_groups_name"] == "Постоянный посетитель"
    assert float(group["birthday_bonus"]) == 5000


@pytest.mark.parametrize("name", pairwise.marked(IN_LISTS, few(IN_LISTS, str)))
def test_a_fault_leaves_a_refusal_readable_or_breaks_it_too(sandbox, wire, name):
    options = {option: value for option, value in QUICK.items() if option in FAULTS[name].options}
    sandbox.script("clients.getGroups", name, **options)
    with wire.open() as opened:
        opened.sendall(wire.request("clients.getGroups", token="wrong"))
        drain(opened, name)
    assert len(sandbox.log) == 1


# --- The connection ----------------------------------------------------------------------------------------


def test_resets(wire):
    whole = wire.raw("clients.getGroups")
    assert reset(wire, "reset_before_headers") == b""
    # A reset may discard bytes that were sent before it.
    assert len(reset(wire, "reset_mid_headers")) < whole.index(b"\r\n\r\n")
    assert len(reset(wire, "reset_mid_body")) < len(whole)


def test_closed_connections(wire):
    assert raw(wire, "fin_before_headers") == b""
    assert b"\r\n\r\n" not in raw(wire, "fin_mid_headers")
    head, body = split(raw(wire, "fin_mid_body"))
    assert f"Content-Length: {2 * len(body)}" in head or f"Content-Length: {2 * len(body) + 1}" in head


def test_bodies_that_are_cut(wire):
    whole = wire.body("clients.getGroups")
    head, body = split(raw(wire, "cut_without_length"))
    assert "Content-Length" not in head
    assert "Connection: close" in head
    assert body == whole[: len(whole) // 2]
    head, body = split(raw(wire, "cut_gzip"))
    assert "Content-Encoding: gzip" in head
    assert "Content-Length" not in head
    assert "Connection: close" in head
    assert whole.startswith(zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body))
    head, body = split(raw(wire, "cut_chunk"))
    assert "Transfer-Encoding: chunked" in head
    assert "Connection: close" in head
    assert body == f"{len(whole):x}\r\n".encode() + whole[: len(whole) // 2]


@pytest.mark.parametrize("fault", ["timeout", "hang_mid_body"])
def test_a_hang_lasts_as_long_as_it_is_told(wire, fault):
    began = time.monotonic()
    raw(wire, fault, seconds=0.3)
    assert 0.3 <= time.monotonic() - began < 20  # not the minute that it takes untold


@pytest.mark.parametrize(
    "fault", ["timeout", "hang_mid_body", "drip_body", "drip_headers", "endless_continue"]
)
def test_a_fault_ends_with_its_client(sandbox, wire, fault):
    sandbox.script("clients.getGroups", fault)
    with wire.open() as opened:
        opened.sendall(wire.request("clients.getGroups"))
        time.sleep(0.1)
    deadline = time.monotonic() + 20
    while sandbox.log[0].seconds is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert sandbox.log[0].seconds < 20


@pytest.mark.parametrize("fault", ["drip_body", "drip_headers"])
def test_drips_arrive_in_single_bytes_and_in_the_end_whole(wire, fault):
    wire.sandbox.script("clients.getGroup", fault, interval=0.002)
    with wire.open() as opened:
        opened.sendall(wire.request("clients.getGroup", group_id=1))
        pieces = []
        while more := opened.recv(65_536):
            pieces.append(more)
    assert len(pieces) > 100
    assert json.loads(split(b"".join(pieces))[1])["response"]["client_groups_id"] == "1"


def test_endless_continue(wire):
    wire.sandbox.script("clients.getGroups", "endless_continue", interval=0.001)
    with wire.open() as opened:
        opened.sendall(wire.request("clients.getGroups"))
        data = b""
        while len(data) < 2500:
            data += opened.recv(100)
    assert data.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"") in b"HTTP/1.1 100 Continue\r\n\r\n"


def test_a_stale_connection_is_closed_without_a_word(wire):
    wire.sandbox.script("clients.getGroups", "stale_keep_alive")
    with wire.open() as opened:
        opened.sendall(wire.request("clients.getGroups", close=False))
        head, body = split(everything(opened))
    assert "close" not in head
    assert len(json.loads(body)["response"]) == 3


def test_heads_that_no_client_takes(wire):
    assert not raw(wire, "junk_status_line").startswith(b"HTTP/")
    assert split(raw(wire, "many_headers"))[0].count("\r\n") > 150
    assert len(split(raw(wire, "huge_header"))[0]) > 70_000
    assert split(raw(wire, "two_lengths"))[0].count("Content-Length: ") == 2


# --- Statuses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_carry_the_token_along(wire, status):
    head, _ = split(raw(wire, f"redirect_{status}"))
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert (
        f"Location: http://poster.test/api/clients.getGroups?format=json&token={wire.token}\r\n"
        in head + "\r\n"
    )
    head, _ = split(raw(wire, f"redirect_{status}", location="https://elsewhere.test/"))
    assert "Location: https://elsewhere.test/" in head


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 415, 422, 500, 502, 503, 504])
def test_statuses_with_a_page(wire, status):
    head, body = split(raw(wire, f"status_{status}"))
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert "text/html" in head
    assert body.startswith(b"<html>")


def test_a_5xx_with_an_envelope(sandbox, wire):
    head, body = split(raw(wire, "status_5xx_envelope", "write", code=11, status=503))
    assert head.startswith("HTTP/1.1 503 ")
    assert json.loads(body)["error"]["code"] == 11
    assert (sandbox.log[0].status, sandbox.log[0].code, sandbox.log[0].applied) == (503, 11, True)


@pytest.mark.parametrize(("name", "value"), [("1", "1"), ("3600", "3600"), ("soon", "soon"), ("date", "GMT")])
def test_retry_after(wire, name, value):
    head, _ = split(raw(wire, f"retry_after_{name}"))
    assert head.startswith("HTTP/1.1 429 ")
    assert value in next(line for line in head.split("\r\n") if line.startswith("Retry-After: "))


def test_pages_and_nothing(wire):
    head, body = split(raw(wire, "html_echo"))
    assert head.startswith("HTTP/1.1 200 ")
    assert wire.token.encode() in body
    assert split(raw(wire, "empty"))[1] == b""
    head, body = split(raw(wire, "no_content"))
    assert head.startswith("HTTP/1.1 204 ")
    assert "Content-Length" not in head


# --- Bodies ------------------------------------------------------------------------------------------------


def test_encodings(wire):
    whole = wire.body("clients.getGroups")
    assert split(raw(wire, "bom"))[1] == b"\xef\xbb\xbf" + whole
    assert split(raw(wire, "cp1251"))[1].decode("cp1251") == whole.decode()
    assert split(raw(wire, "utf16"))[1].decode("utf-16") == whole.decode()
    head, body = split(raw(wire, "wrong_charset"))
    assert "charset=windows-1251" in head
    assert body == whole
    head, body = split(raw(wire, "text_html"))
    assert "Content-Type: text/html\r\n" in head
    assert body == whole
    assert split(raw(wire, "php_notice"))[1].endswith(b"<br />\n" + whole)
    head, body = split(raw(wire, "bad_gzip"))
    assert "Content-Encoding: gzip" in head
    assert body == whole


def test_sizes(wire):
    whole = wire.body("clients.getGroups")
    assert len(split(raw(wire, "huge_body"))[1]) == 33_000_000
    assert split(raw(wire, "huge_body", megabytes=2))[1] == whole.ljust(2_000_000)
    head, body = split(raw(wire, "gzip_bomb", megabytes=20))
    assert "Content-Encoding: gzip" in head
    assert len(body) < 100_000
    assert gzip.decompress(body) == whole + b" " * 20_000_000


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        ("top_null", b"null"),
        ("top_list", b"[]"),
        ("top_text", b'"ok"'),
        ("top_empty_object", b"{}"),
        ("response_null", b'{"response":null}'),
        ("response_false", b'{"response":false}'),
    ],
)
@pytest.mark.parametrize("kind", ["list", "get", "write"])
def test_json_that_means_nothing(wire, fault, body, kind):
    assert split(raw(wire, fault, kind))[1] == body


def test_responses_of_another_shape(wire):
    assert response(wire, "response_object")["client_groups_id"] == "1"
    assert list(response(wire, "response_keyed")) == ["1", "4", "5"]
    assert response(wire, "response_list", "get")[0]["client_groups_id"] == "1"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("answer_true", True),
        ("answer_text_id", "6"),
        ("answer_zero", 0),
        ("answer_negative", -1),
        ("answer_fraction", 6.5),
        ("answer_other_id", 999),
    ],
)
def test_answers_to_a_write(sandbox, wire, fault, expected):
    assert response(wire, fault, "write") == expected
    assert list(sandbox.accounts["demo"].groups) == [1, 4, 5, 6]


@pytest.mark.parametrize("kind", ["list", "get", "write"])
def test_json_that_only_some_take(sandbox, wire, kind):
    # Writes after the first are refused, and a refusal has no `response` that could be doubled.
    sandbox.unique_names = True
    assert b":NaN" in raw(wire, "nan", kind)
    assert b":Infinity" in raw(wire, "infinity", kind, when="before")
    assert b":1e999" in raw(wire, "overflow", kind, when="before")
    assert b":" + b"1" * 5000 in raw(wire, "long_int", kind, when="before")
    assert raw(wire, "duplicate_keys", kind, when="before").count(b'"response":') == (
        2 if kind != "write" else 1
    )
    assert b"[" * 100_000 + b"]" * 100_000 in raw(wire, "nesting", kind, when="before")
