"""Parse a response of Poster's into its `response` value or into an error.

Errors usually come with HTTP 200 and in one of several forms, so the body is checked before the status.
"""

import json
import math
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import msgspec

from groups.poster.errors import (
    ErrorReason,
    InvalidResponse,
    NotAllowed,
    OutcomeUnknown,
    PosterError,
    TokenRejected,
    Unreachable,
    refusal,
)
from groups.poster.fields import MAX_ID
from groups.poster.group_lists import GroupList
from groups.poster.records import SalesList
from groups.poster.transport import Answer, TransportFailure

LONGEST_PAUSE = 2
"""The longest `Retry-After`, in seconds, that the client waits before a retry."""

GROUPS = "clients.getGroups"

_CODE = re.compile(r"[0-9]{1,9}", re.ASCII)
_ID = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)


def parse_response(answer: Answer | TransportFailure, method: str) -> Any:
    """Return Poster's `response`, or the error that the answer means."""
    if isinstance(answer, TransportFailure):
        if answer.reason == ErrorReason.TOO_LARGE:
            return InvalidResponse("the body is above the limit", method=method, reason=ErrorReason.TOO_LARGE)
        return Unreachable(
            answer.detail or "no answer",
            method=method,
            reason=answer.reason,
            sent=answer.sent,
            retryable=answer.retryable,
        )
    data, problem = None, ""
    try:
        data = parse(answer.body)
    except UnicodeDecodeError:
        problem = "not UTF-8"
    except RecursionError:
        problem = "nested too deeply"
    except ValueError:
        problem = "not JSON"
    error = _envelope(data, method)
    if error is not None:
        return error
    if answer.status != HTTPStatus.OK:
        return _by_status(answer, method)
    if problem:
        return InvalidResponse(problem, method=method, reason=ErrorReason.NOT_JSON, retryable=True)
    if not isinstance(data, dict) or "response" not in data:
        return InvalidResponse("no response in the answer", method=method, reason=ErrorReason.SHAPE)
    return data["response"]


def interpret_groups(answer: Answer | TransportFailure, method: str) -> GroupList | PosterError:
    if isinstance(answer, Answer) and answer.status == HTTPStatus.OK:
        groups = read_groups(answer.body)
        if groups is not None:
            return groups
    error = parse_response(answer, method)
    if isinstance(error, PosterError):
        return error
    return InvalidResponse("the list is not a list", method=method, reason=ErrorReason.SHAPE)


def read_groups(body: bytes) -> GroupList | None:
    groups = GroupList.from_documented(body)
    if groups is None:
        rows = parse_response(Answer(HTTPStatus.OK, body), GROUPS)
        if not isinstance(rows, list):
            return None
        groups = GroupList.from_wire(rows)
    return replace(groups, body=body)


class _Rows(msgspec.Struct, forbid_unknown_fields=True):
    response: list[msgspec.Raw]


class RawRows(Sequence[Any]):
    """The rows of a response, each parsed when it is requested: together they take many times the memory.

    Raises `ValueError` and `RecursionError` where a row cannot be parsed.
    """

    def __init__(self, rows: Sequence[msgspec.Raw]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: Any) -> Any:
        found = self._rows[place]
        return RawRows(found) if isinstance(place, slice) else parse(bytes(found))


def interpret_rows(answer: Answer | TransportFailure, method: str) -> Any:
    """Return the rows of a response that is a list, any other one, or the error that the answer means."""
    if (
        isinstance(answer, Answer)
        and answer.status == HTTPStatus.OK
        and answer.body.count(b'"response"') == 1
    ):
        with suppress(msgspec.DecodeError, ValueError, RecursionError):
            return RawRows(msgspec.json.decode(answer.body, type=_Rows).response)
    return parse_response(answer, method)


def interpret_sales(
    answer: Answer | TransportFailure, method: str, *, in_hryvnia: bool = False
) -> SalesList | PosterError:
    """Read the rows one after the other: together, those of 100,000 clients take twice the memory."""
    found = interpret_rows(answer, method)
    with suppress(ValueError, RecursionError):
        if isinstance(found, RawRows):
            return SalesList.from_wire(iter(found), in_hryvnia=in_hryvnia)
    found = parse_response(answer, method)
    if isinstance(found, PosterError):
        return found
    if not isinstance(found, list):
        return InvalidResponse("the response is not a list", method=method, reason=ErrorReason.SHAPE)
    return SalesList.from_wire(found, in_hryvnia=in_hryvnia)


def written_id(response: Any, method: str) -> int:
    """Return the id in the response to a write. Raises `OutcomeUnknown` if it is not an id."""
    if isinstance(response, int | str) and not isinstance(response, bool) and _ID.fullmatch(str(response)):
        number = int(response)
        if number <= MAX_ID:
            return number
    raise OutcomeUnknown("the answer is not an id", method=method, reason=ErrorReason.SHAPE)


def _envelope(data: Any, method: str) -> PosterError | None:
    """Return the error in a body, in any form that Poster uses for errors, or None."""
    if not isinstance(data, dict):
        return None
    error = data.get("error")
    if isinstance(error, dict):
        code = _code(error.get("code"))
        if code != 0 or "response" not in data:
            return refusal(code, _words(error.get("message")), method=method)
    elif error not in (None, 0, "0"):
        code = _code(error)
        return refusal(code, _words(data.get("message") or (error if code is None else "")), method=method)
    if "response" not in data and ("error_message" in data or "error_type" in data):
        code = _code(data.get("code"))
        return refusal(code, _words(data.get("error_message") or data.get("error_type")), method=method)
    response = data.get("response")
    if isinstance(response, dict) and response.get("err_code") not in (None, 0, "0"):
        return refusal(_code(response["err_code"]), _words(response.get("message")), method=method)
    return None


def _code(value: Any) -> int | None:
    text = "" if isinstance(value, bool) else str(value)
    return int(text) if _CODE.fullmatch(text) else None


def _words(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _by_status(answer: Answer, method: str) -> PosterError:
    detail = f"HTTP {answer.status}"
    match answer.status:
        case HTTPStatus.UNAUTHORIZED:
            return TokenRejected(None, detail, method=method)
        case HTTPStatus.FORBIDDEN:
            return NotAllowed(None, detail, method=method)
        case HTTPStatus.TOO_MANY_REQUESTS:
            wait = answer.retry_after
            soon = wait is None or wait <= LONGEST_PAUSE
            return InvalidResponse(
                detail, method=method, reason=ErrorReason.BUSY, retryable=soon, retry_after=wait
            )
        case status if status // 100 == 3:
            # Redirects are not followed: a 307 would repeat a write, a 302 would turn it into a read.
            return InvalidResponse(detail, method=method, reason=ErrorReason.MOVED)
        case status:
            broken = status >= HTTPStatus.INTERNAL_SERVER_ERROR
            return InvalidResponse(detail, method=method, reason=f"http_{status}", retryable=broken)


def parse(body: bytes) -> Any:
    """Parse strict UTF-8 JSON and ignore the `Content-Type`, which Poster may set wrongly.

    Raises `ValueError` and `RecursionError`.
    """
    return _decoder.decode(body.decode("utf-8-sig"))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key is there twice")
    return data


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is out of range, or no JSON")
    return number


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_float, parse_float=_float)
