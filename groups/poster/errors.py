"""Define the errors of a call to Poster.

PosterError
├─ Unreachable                 DNS, refused, TLS, timeout        reads: one retry
│   └─ OutcomeUnknown          a write whose answer never came   never repeated
├─ InvalidResponse             not JSON, no known shape, 5xx, too large, a redirect
└─ Refused (code, message)     Poster understood and said no; any code not below
    ├─ TokenRejected           10 11 12
    ├─ NotAllowed              20 54 153, 503 (archived account), 700 (tariff plan)
    ├─ NotFound                32 404, response:false on getGroup
    └─ InvalidValue            34 36 37 42 155 168 169 185 400 701
        └─ NameTaken           38 99: belongs to the field `name`

`str()` of an error is in English, for logs and developers. It never contains a token, because every text
from outside passes `redact`. The texts that users see are in `groups.services.messages`.
"""

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum
from types import MappingProxyType

from groups.poster.fields import storable

TOKEN = re.compile(r"(?:[0-9]{1,12}:)?[0-9a-f]{32}", re.ASCII)
"""A Poster token: 32 hex digits; in newer accounts the account's number and a colon precede them."""

# A hex digit before the 32 digits makes them part of a longer text, unless it ends an escaped character.
_START = r"(?:(?<![0-9a-f])|(?<=%[0-9a-f]{2})|(?<=%25[0-9a-f]{2})|(?<=\\u[0-9a-f]{4})|(?<=\\x[0-9a-f]{2}))"
_SHAPE = re.compile(
    r"(?i)(?:[0-9]{1,12}(?::|%(?:25)?3a|&#x3a;|&#58;|\\u003a))?" + _START + r"[0-9a-f]{32}(?![0-9a-f])"
    r"|(?<=token=)[^&\s'\"<>]+"
)
# A quick test that every match of _SHAPE passes. Most texts hold no token, and this test is ten times faster.
_SIGN = re.compile(r"(?i)[0-9a-f]{32}|token=")
MASK = "[token]"


def redact(text: str) -> str:
    """Return the text with everything masked that looks like a Poster token.

    UUIDs without dashes and MD5 digests have the same form and are masked too, so write UUIDs with dashes.
    """
    return _SHAPE.sub(MASK, text) if _SIGN.search(text) else text


MESSAGE_LIMIT = 200


class ErrorReason(StrEnum):
    """Why a call failed: the code in logs, metrics and the journal.

    `reason` of an error may also be `http_` with the status of a response that is no answer of Poster's.
    """

    # Nothing was sent.
    BAD_ADDRESS = "bad_address"
    NAME_NOT_FOUND = "name_not_found"
    CERTIFICATE = "certificate"
    PROXY = "proxy"
    CONNECT_TIMEOUT = "connect_timeout"
    # This program's own limit of calls at once was reached, or Poster asks to wait.
    BUSY = "busy"
    CIRCUIT_OPEN = "circuit_open"
    # The connection was refused, or Poster refused the request.
    REFUSED = "refused"
    # The time for the call, or for all calls of a page, was over.
    DEADLINE = "deadline"
    # No usable response came.
    TLS = "tls"
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection_lost"
    TOO_LARGE = "too_large"
    BAD_ENCODING = "bad_encoding"
    # The response has no documented form.
    NOT_JSON = "not_json"
    SHAPE = "shape"
    UNREADABLE_ROW = "unreadable_row"
    MOVED = "moved"
    HTTP_500 = "http_500"
    HTTP_502 = "http_502"
    HTTP_503 = "http_503"
    HTTP_504 = "http_504"
    # The list changed between the requests for its pages.
    MOVING = "moving"
    # The list of clients of this account ends before its last one.
    CUT = "cut"
    # The token cannot be decrypted, is of another account, or was refused before.
    UNREADABLE = "unreadable"
    OTHER_ACCOUNT = "other_account"
    REFUSED_BEFORE = "refused_before"
    GONE = "gone"


@dataclass(eq=False, repr=False)
class PosterError(Exception):
    """Base class: a call to Poster failed.

    `method` is Poster's name of the method ("clients.getGroup"), and `reason` an `ErrorReason`. `retryable`
    is True if the same call may succeed a moment later.
    """

    detail: str = ""
    _: KW_ONLY
    method: str = ""
    reason: str = ""
    retryable: bool = False

    def __post_init__(self) -> None:
        self.detail = redact(self.detail)
        self.args = (self.detail,)

    def __str__(self) -> str:
        return f"{self.method or 'Poster'}: {self.reason or type(self).__name__}: {self.detail}"


@dataclass(eq=False, repr=False, kw_only=True)
class Unreachable(PosterError):
    """Poster was not reached, or did not answer in time.

    `sent` is False if the request certainly never left: the name was not resolved, the connection was refused
    or timed out, the proxy opened no connection, or the certificate was not accepted. Only then may a write
    be retried. The reason `BUSY` means that the application's own limit of concurrent calls was reached and
    Poster was not asked.
    """

    retryable: bool = True
    sent: bool = True


@dataclass(eq=False, repr=False, kw_only=True)
class OutcomeUnknown(Unreachable):
    """A write may or may not have taken effect: its response was lost or is not reliable.

    The write must not be repeated; only a later read can show the outcome. `code` and `message` come from
    Poster's response, if there was one.
    """

    retryable: bool = False
    code: int | None = None
    message: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.message = _said(self.message)


@dataclass(eq=False, repr=False, kw_only=True)
class InvalidResponse(PosterError):
    """Poster's response has no documented form.

    `retryable` is True if the response may have been damaged in transit. `retry_after` is the number of
    seconds that Poster asked to wait.
    """

    retry_after: int | None = None


@dataclass(eq=False, repr=False)
class PosterRefused(PosterError):
    """Poster understood the request and refused it with a code and a message.

    `message` is Poster's own text, redacted and cut at 200 characters, and empty where Poster gave none. Show
    it as a detail next to a message of the application.
    """

    detail: str = field(default="", init=False)
    code: int | None = None
    message: str = ""
    reason: str = field(default=ErrorReason.REFUSED, kw_only=True)

    def __post_init__(self) -> None:
        self.message = _said(self.message)
        self.detail = f"code {self.code}: {self.message}"
        super().__post_init__()


class TokenRejected(PosterRefused):
    """The token is missing, wrong or expired: the user has to enter a new one."""


class NotAllowed(PosterRefused):
    """The token's rights, the tariff plan or the state of the account do not allow the call."""


class NotFound(PosterRefused):
    """The account has no such record."""


class InvalidValue(PosterRefused):
    """A value is missing or not accepted by Poster."""


class NameTaken(InvalidValue):
    """A group with this name exists."""


REFUSALS: Mapping[int, type[PosterRefused]] = MappingProxyType(
    dict.fromkeys((10, 11, 12), TokenRejected)
    | dict.fromkeys((20, 54, 153, 503, 700), NotAllowed)
    | dict.fromkeys((32, 404), NotFound)
    | dict.fromkeys((34, 36, 37, 42, 155, 168, 169, 185, 400, 701), InvalidValue)
    | dict.fromkeys((38, 99), NameTaken)
)
"""The codes that prove a refusal. A write answered with any other code is `OutcomeUnknown`."""


def refusal(code: int | None, message: str, *, method: str) -> PosterRefused:
    return REFUSALS.get(code or 0, PosterRefused)(code, message, method=method)


def _said(message: str) -> str:
    """Return Poster's message without tokens and unstorable characters, cut to `MESSAGE_LIMIT`."""
    return storable(redact(message))[:MESSAGE_LIMIT]
