"""What can go wrong between us and Poster.

PosterError                    shown as  502
├─ Unreachable                 504  DNS, refused, TLS, timeout        reads: one retry
│   └─ OutcomeUnknown          504  a write whose answer never came   never repeated
├─ InvalidResponse                   502  not JSON, no known shape, 5xx, too large, a redirect
└─ Refused (code, message)     502  Poster understood and said no; any code not below
    ├─ TokenRejected           424  10 11 12
    ├─ NotAllowed              424  20 54 153, 503 (archived account), 700 (tariff plan)
    ├─ NotFound                404  32 404, response:false on getGroup
    └─ InvalidValue            422  34 36 37 42 155 168 169 185 400 701
        └─ NameTaken           422  38 99: belongs to the field `name`

`str()` of an error is for logs and developers, in English, and never holds a token: every text that came
from outside passes `redact`. The words for people are in `groups.presenters.messages`.
"""

from collections.abc import Mapping
from types import MappingProxyType

from groups.poster.records import storable
from groups.poster.redact import redact

MESSAGE_LIMIT = 200


class PosterError(Exception):
    """A call to Poster failed.

    `method` is Poster's name of the method ("clients.getGroup") and `reason` one word for the journal and
    the log ("timeout", "not_json", …). `status` is the HTTP status with which a page tells of it.
    """

    status: int = 502

    def __init__(self, detail: str = "", *, method: str = "", reason: str = "") -> None:
        self.detail = redact(detail)
        self.method = method
        self.reason = reason
        super().__init__(self.detail)

    def __str__(self) -> str:
        return f"{self.method or 'Poster'}: {self.reason or type(self).__name__}: {self.detail}"


class Unreachable(PosterError):
    """Poster was not reached, or did not answer in time.

    `sent` is False where the request certainly never left: the name was not resolved, the connection was
    refused or never made, the certificate was not accepted. Only then may a write be tried once more.
    `retryable` says whether the same read could go better a moment later. The reason "busy" is a host's that
    lets only so many ask at once: Poster was not asked, so it is shown as 503.
    """

    status = 504

    def __init__(
        self,
        detail: str = "",
        *,
        method: str = "",
        reason: str = "",
        sent: bool = True,
        retryable: bool = True,
    ) -> None:
        super().__init__(detail, method=method, reason=reason)
        self.sent = sent
        self.retryable = retryable
        if reason == "busy":
            self.status = 503


class OutcomeUnknown(Unreachable):
    """A write may or may not be in force: its answer was lost, or says nothing that can be relied on.

    It must not be repeated; only reading afterwards can tell. `code` and `message` are Poster's, where
    there was an answer with some.
    """

    def __init__(
        self,
        detail: str = "",
        *,
        method: str = "",
        reason: str = "",
        code: int | None = None,
        message: str = "",
    ) -> None:
        super().__init__(detail, method=method, reason=reason, sent=True, retryable=False)
        self.code = code
        self.message = _said(message)


class InvalidResponse(PosterError):
    """Poster answered a read with something that has no known meaning.

    `retryable` says whether it may have been damage on the way rather than Poster's own intent, `retry_after`
    for how many seconds Poster asked to be left alone.
    """

    def __init__(
        self,
        detail: str = "",
        *,
        method: str = "",
        reason: str = "",
        retryable: bool = False,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail, method=method, reason=reason)
        self.retryable = retryable
        self.retry_after = retry_after


class Refused(PosterError):
    """Poster understood the request and said no, with a code and words of its own.

    `message` is Poster's, redacted and cut at 200 characters: show it as a detail beside our own words.
    """

    def __init__(self, code: int | None, message: str = "", *, method: str = "", reason: str = "") -> None:
        self.code = code
        self.message = _said(message)
        super().__init__(f"code {code}: {self.message}", method=method, reason=reason or "refused")


class TokenRejected(Refused):
    """The token is missing, wrong or expired: the account has to be connected again."""

    status = 424


class NotAllowed(Refused):
    """The token's rights, the tariff plan or the state of the account do not allow this."""

    status = 424


class NotFound(Refused):
    """There is no such record in this account."""

    status = 404


class InvalidValue(Refused):
    """A value is missing, or Poster does not take it."""

    status = 422


class NameTaken(InvalidValue):
    """A group of that name exists."""


REFUSALS: Mapping[int, type[Refused]] = MappingProxyType(
    dict.fromkeys((10, 11, 12), TokenRejected)
    | dict.fromkeys((20, 54, 153, 503, 700), NotAllowed)
    | dict.fromkeys((32, 404), NotFound)
    | dict.fromkeys((34, 36, 37, 42, 155, 168, 169, 185, 400, 701), InvalidValue)
    | dict.fromkeys((38, 99), NameTaken)
)
"""The codes by which Poster certainly refuses. A write answered with any other code is OutcomeUnknown."""


def refusal(code: int | None, message: str, *, method: str) -> Refused:
    """Return the error for a code of Poster's: the class of `REFUSALS`, else plain `Refused`."""
    return REFUSALS.get(code or 0, Refused)(code, message, method=method)


def _said(message: str) -> str:
    """Return Poster's words so that a page can show them and a database store them."""
    return storable(redact(message))[:MESSAGE_LIMIT]
