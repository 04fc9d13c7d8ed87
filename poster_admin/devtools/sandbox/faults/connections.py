"""Faults of the connection: answers that come too late, in pieces or not at all."""

import gzip
import threading
from dataclasses import replace

from poster_admin.devtools.sandbox.faults.fault import WRITE, Exchange, Fault, fault
from poster_admin.devtools.sandbox.http.exchange import SandboxAnswer

FAULTS: dict[str, Fault] = {}


@fault(FAULTS, 8)
def reset_before_headers(exchange: Exchange) -> None:
    """Reset the connection (RST) when the request is read."""
    exchange.connection.reset()


@fault(FAULTS, 8)
def fin_before_headers(exchange: Exchange) -> None:
    """Close the connection (FIN) when the request is read."""
    exchange.connection.close()


@fault(FAULTS, 9)
def reset_mid_headers(exchange: Exchange) -> None:
    """Reset the connection in the middle of the headers."""
    _half_head(exchange)
    exchange.connection.reset()


@fault(FAULTS, 9)
def fin_mid_headers(exchange: Exchange) -> None:
    """Close the connection in the middle of the headers."""
    _half_head(exchange)
    exchange.connection.close()


@fault(FAULTS, 9)
def reset_mid_body(exchange: Exchange) -> None:
    """Reset the connection in the middle of the body."""
    _half_body(exchange)
    exchange.connection.reset()


@fault(FAULTS, 9)
def fin_mid_body(exchange: Exchange) -> None:
    """Close the connection in the middle of the body, short of its Content-Length."""
    _half_body(exchange)
    exchange.connection.close()


@fault(FAULTS, 10)
def cut_without_length(exchange: Exchange) -> None:
    """Send half of the body, without Content-Length, and close."""
    _send_closing(exchange, _half(exchange.answer.body))


@fault(FAULTS, 10)
def cut_gzip(exchange: Exchange) -> None:
    """Send half of a gzip body, without Content-Length, and close."""
    _send_closing(exchange, _half(gzip.compress(exchange.answer.body)), ("Content-Encoding", "gzip"))


@fault(FAULTS, 10)
def cut_chunk(exchange: Exchange) -> None:
    """Announce the body as one chunk, send half of it and close."""
    body = exchange.answer.body
    chunk = f"{len(body):x}\r\n".encode() + _half(body)
    _send_closing(exchange, chunk, ("Transfer-Encoding", "chunked"))


@fault(FAULTS, 10)
def negative_chunk(exchange: Exchange) -> None:
    """Announce a chunk of a negative length and close."""
    _send_closing(exchange, b"-5\r\n" + exchange.answer.body, ("Transfer-Encoding", "chunked"))


@fault(FAULTS, 11, seconds=60.0)
def timeout(exchange: Exchange) -> None:
    """Say nothing for so many `seconds`, then close."""
    exchange.connection.hang(exchange.options["seconds"])
    exchange.connection.close()


@fault(FAULTS, 11, WRITE, certain="not_applied", seconds=60.0)
def lost_before(exchange: Exchange) -> None:
    """Lose the request on the way: nothing is done, and no answer ever comes."""
    timeout(exchange)


@fault(FAULTS, 12, WRITE, certain="applied", seconds=60.0)
def answer_lost(exchange: Exchange) -> None:
    """Do what was requested, and lose the answer on the way."""
    timeout(exchange)


@fault(FAULTS, 13, WRITE, certain="applied", applies_itself=True, seconds=1.0, hang=0.0)
def late(exchange: Exchange) -> None:
    """Close without an answer after `hang`, and do what was requested `seconds` after the request."""
    waiting = threading.Timer(exchange.options["seconds"], exchange.apply_now)
    waiting.daemon = True
    waiting.start()
    exchange.connection.hang(exchange.options["hang"])
    exchange.connection.close()


@fault(FAULTS, 14, interval=0.3)
def drip_body(exchange: Exchange) -> None:
    """Send the body one byte each `interval`: no single wait is long, all of them are."""
    exchange.connection.send(exchange.answer.head())
    _drip(exchange, exchange.answer.body)


@fault(FAULTS, 14, seconds=60.0)
def hang_mid_body(exchange: Exchange) -> None:
    """Send half of the body and fall silent for so many `seconds`."""
    _half_body(exchange)
    timeout(exchange)


@fault(FAULTS, 15, interval=0.3)
def drip_headers(exchange: Exchange) -> None:
    """Send the headers one byte each `interval`."""
    _drip(exchange, exchange.answer.head() + exchange.answer.body)


@fault(FAULTS, 15, interval=0.05)
def endless_continue(exchange: Exchange) -> None:
    """Send 100 Continue again and again, and never an answer."""
    connection = exchange.connection
    connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    while connection.hang(exchange.options["interval"]):
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    connection.close()


@fault(FAULTS, 16, readable=True)
def stale_keep_alive(exchange: Exchange) -> None:
    """Answer well, then close the connection without having said so."""
    exchange.connection.answer(exchange.answer)
    exchange.connection.close()


@fault(FAULTS, 17)
def junk_status_line(exchange: Exchange) -> None:
    """Answer with a status line that is none."""
    exchange.connection.send(b"HTP/one OKAY then\r\n\r\n" + exchange.answer.body)
    exchange.connection.close()


@fault(FAULTS, 17)
def many_headers(exchange: Exchange) -> SandboxAnswer:
    """Answer with 150 headers."""
    return _with_headers(exchange.answer, *((f"X-Poster-{number}", "1") for number in range(150)))


@fault(FAULTS, 17)
def huge_header(exchange: Exchange) -> SandboxAnswer:
    """Answer with one header of 70 kB."""
    return _with_headers(exchange.answer, ("X-Poster", "x" * 70_000))


@fault(FAULTS, 17)
def two_lengths(exchange: Exchange) -> None:
    """Answer with two Content-Lengths that contradict each other."""
    answer = _with_headers(exchange.answer, ("Content-Length", str(len(exchange.answer.body) + 7)))
    exchange.connection.send(answer.head() + answer.body)
    exchange.connection.close()


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _half_head(exchange: Exchange) -> None:
    # Cut inside a header's name, so that the part that arrives cannot pass for a complete head.
    head = exchange.answer.head()
    exchange.connection.send(head[: head.index(b"Content-") + 5])


def _half_body(exchange: Exchange) -> None:
    exchange.connection.send(exchange.answer.head() + _half(exchange.answer.body))


def _send_closing(exchange: Exchange, body: bytes, *headers: tuple[str, str]) -> None:
    answer = _with_headers(exchange.answer, ("Connection", "close"), *headers)
    exchange.connection.send(answer.head(length=None) + body)
    exchange.connection.close()


def _drip(exchange: Exchange, data: bytes) -> None:
    for index in range(len(data)):
        exchange.connection.send(data[index : index + 1])
        if not exchange.connection.hang(exchange.options["interval"]):
            exchange.connection.close()
            return


def _with_headers(answer: SandboxAnswer, *headers: tuple[str, str]) -> SandboxAnswer:
    return replace(answer, headers=headers)
