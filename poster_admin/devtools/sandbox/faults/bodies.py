"""Faults of the body: its encoding, its size, and JSON that is invalid or of another shape."""

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from poster_admin.devtools.sandbox.faults.fault import (
    ANY,
    GET,
    LIST,
    READS,
    ROWS,
    WRITE,
    Exchange,
    Fault,
    fault,
)
from poster_admin.devtools.sandbox.http.exchange import HTML, SandboxAnswer, dump

FAULTS: dict[str, Fault] = {}

_MEGABYTE = 1_000_000


# --- Bytes and their encoding ------------------------------------------------------------------------------


@fault(FAULTS, 27)
def php_notice(exchange: Exchange) -> SandboxAnswer:
    """Put a notice of PHP before the JSON."""
    notice = b"<br />\n<b>Notice</b>:  Undefined index: id in <b>/www/api.php</b> on line <b>217</b><br />\n"
    return replace(exchange.answer, body=notice + exchange.answer.body, content_type=HTML)


@fault(FAULTS, 35, readable=True)
def bom(exchange: Exchange) -> SandboxAnswer:
    """Put a UTF-8 byte order mark before the JSON."""
    return replace(exchange.answer, body=b"\xef\xbb\xbf" + exchange.answer.body)


@fault(FAULTS, 35, readable=True)
def text_html(exchange: Exchange) -> SandboxAnswer:
    """Call good JSON text/html, without a charset."""
    return replace(exchange.answer, content_type="text/html")


@fault(FAULTS, 35, readable=True)
def gzipped(exchange: Exchange) -> SandboxAnswer:
    """Compress a good answer."""
    return replace(
        exchange.answer, body=gzip.compress(exchange.answer.body), headers=(("Content-Encoding", "gzip"),)
    )


@fault(FAULTS, 36, readable=True)
def wrong_charset(exchange: Exchange) -> SandboxAnswer:
    """Call UTF-8 windows-1251."""
    return replace(exchange.answer, content_type="application/json; charset=windows-1251")


@fault(FAULTS, 36, ROWS | {"settings"})
def cp1251(exchange: Exchange) -> SandboxAnswer:
    """Encode the answer in windows-1251, and say UTF-8."""
    return replace(exchange.answer, body=exchange.answer.body.decode().encode("cp1251", "replace"))


@fault(FAULTS, 36)
def utf16(exchange: Exchange) -> SandboxAnswer:
    """Encode the answer in UTF-16, with a byte order mark, and say UTF-8."""
    return replace(exchange.answer, body=exchange.answer.body.decode().encode("utf-16"))


@fault(FAULTS, 38)
def bad_gzip(exchange: Exchange) -> SandboxAnswer:
    """Call a plain body gzip."""
    return replace(exchange.answer, headers=(("Content-Encoding", "gzip"),))


@fault(FAULTS, 39, megabytes=600)
def gzip_bomb(exchange: Exchange) -> SandboxAnswer:
    """Answer with a small gzip body that unpacks to so many `megabytes`."""
    body = _bomb(exchange.answer.body, exchange.options["megabytes"])
    return replace(exchange.answer, body=body, headers=(("Content-Encoding", "gzip"),))


@fault(FAULTS, 39, megabytes=33)
def huge_body(exchange: Exchange) -> SandboxAnswer:
    """Follow good JSON by spaces, up to so many `megabytes`."""
    size = int(exchange.options["megabytes"] * _MEGABYTE)
    return replace(exchange.answer, body=exchange.answer.body.ljust(size))


# --- The top of the JSON -----------------------------------------------------------------------------------


def _declare(name: str, row: int, kinds: frozenset[Any], text: str, **options: Any) -> None:
    def run(exchange: Exchange) -> SandboxAnswer:
        return _with_body(exchange.answer, text.encode())

    run.__name__ = name
    run.__doc__ = f"Answer {text}."
    fault(FAULTS, row, kinds, **options)(run)


_declare("top_null", 28, ANY, "null")
_declare("top_list", 28, ANY, "[]")
_declare("top_text", 28, ANY, '"ok"')
_declare("top_empty_object", 28, ANY, "{}")
_declare("response_null", 29, ANY, '{"response":null}')
_declare("response_text", 29, READS, '{"response":"ok"}')
_declare("response_false", 30, ANY, '{"response":false}')
_declare("answer_true", 31, WRITE, '{"response":true}')
_declare("answer_zero", 31, WRITE, '{"response":0}')
_declare("answer_negative", 31, WRITE, '{"response":-1}')
_declare("answer_fraction", 31, WRITE, '{"response":6.5}')


@fault(FAULTS, 29, LIST)
def response_object(exchange: Exchange) -> SandboxAnswer:
    """Answer with the first group itself where a list is due."""
    return _respond(exchange, lambda rows: rows[0] if rows else {})


@fault(FAULTS, 29, LIST)
def response_keyed(exchange: Exchange) -> SandboxAnswer:
    """Answer with an object of groups by their ids where a list is due."""
    return _respond(exchange, lambda rows: {next(iter(row.values())): row for row in rows})


@fault(FAULTS, 29, GET)
def response_list(exchange: Exchange) -> SandboxAnswer:
    """Answer with a list of one group where the group itself is due."""
    return _respond(exchange, lambda row: [row])


@fault(FAULTS, 31, WRITE, readable=True)
def answer_text_id(exchange: Exchange) -> SandboxAnswer:
    """Answer a write with its id as a string."""
    return _respond(exchange, lambda value: str(value) if type(value) is int else value)


@fault(FAULTS, 31, WRITE, id=999)
def answer_other_id(exchange: Exchange) -> SandboxAnswer:
    """Answer a write with the `id` of another group."""
    return _respond(exchange, lambda _: exchange.options["id"])


# --- JSON that only some parsers take ----------------------------------------------------------------------


def _declare_number(name: str, literal: str) -> None:
    def run(exchange: Exchange) -> SandboxAnswer:
        return _with_number(exchange, literal)

    run.__name__ = name
    run.__doc__ = f"Answer with {literal if len(literal) < 10 else 'an integer of 5000 digits'} for a number."
    fault(FAULTS, 37)(run)


_declare_number("nan", "NaN")
_declare_number("infinity", "Infinity")
_declare_number("overflow", "1e999")
_declare_number("long_int", "1" * 5000)


@fault(FAULTS, 37)
def duplicate_keys(exchange: Exchange) -> SandboxAnswer:
    """Answer with two keys `response`: nothing, and the truth."""
    body = exchange.answer.body
    return _with_body(exchange.answer, b'{"response":[],' + body.removeprefix(b"{"))


@fault(FAULTS, 37, depth=100_000)
def nesting(exchange: Exchange) -> SandboxAnswer:
    """Answer with lists in lists in lists, of some `depth`."""
    depth = exchange.options["depth"]
    return _with_body(exchange.answer, b'{"response":' + b"[" * depth + b"]" * depth + b"}")


def _with_number(exchange: Exchange, literal: str) -> SandboxAnswer:
    """Put a literal where a number stands: in the first row, or for the whole response."""
    marker = "number goes here"
    content = json.loads(exchange.answer.body)
    response = content.get("response")
    row = response[0] if isinstance(response, list) and response else response
    if isinstance(row, dict):
        row["client_groups_discount"] = marker
    else:
        content = {"response": marker}
    return _with_body(exchange.answer, dump(content).replace(f'"{marker}"'.encode(), literal.encode()))


def _respond(exchange: Exchange, change: Callable[[Any], Any]) -> SandboxAnswer:
    """Change the value of `response`; an answer without one stays as it is."""
    content = json.loads(exchange.answer.body)
    if not content.get("response"):
        return exchange.answer
    content["response"] = change(content["response"])
    return _with_body(exchange.answer, dump(content))


def _with_body(answer: SandboxAnswer, body: bytes) -> SandboxAnswer:
    return SandboxAnswer(body, applied=answer.applied)


@lru_cache(maxsize=4)
def _bomb(body: bytes, megabytes: int) -> bytes:
    # Repeat one compressed block of spaces instead of compressing hundreds: after a full flush the compressor
    # refers to nothing that came before.
    block = b" " * _MEGABYTE
    head = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packed = head.compress(body) + head.flush(zlib.Z_FULL_FLUSH)
    spaces = head.compress(block) + head.flush(zlib.Z_FULL_FLUSH)
    end = head.flush()
    checksum = zlib.crc32(body)
    for _ in range(megabytes):
        checksum = zlib.crc32(block, checksum)
    size = (len(body) + megabytes * _MEGABYTE) & 0xFFFFFFFF
    start = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    return b"".join(
        [start, packed, spaces * megabytes, end, checksum.to_bytes(4, "little"), size.to_bytes(4, "little")]
    )
