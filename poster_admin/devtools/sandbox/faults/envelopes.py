"""Error envelopes: every one that Poster was seen to use, and some that contradict themselves."""

import json
from typing import Any

from poster_admin.devtools.sandbox.accounts.validation import MESSAGES
from poster_admin.devtools.sandbox.faults.fault import ANY, Exchange, Fault, fault
from poster_admin.devtools.sandbox.http.exchange import SandboxAnswer, dump

FAULTS: dict[str, Fault] = {}


@fault(FAULTS, 32, code=11, message="")
def error_object(exchange: Exchange) -> SandboxAnswer:
    """Answer {"error":{"code":…,"message":…}}."""
    return _error(exchange, {"error": {"code": _code(exchange), "message": _message(exchange)}})


@fault(FAULTS, 32, code=11, message="")
def error_object_text(exchange: Exchange) -> SandboxAnswer:
    """Answer {"error":{"code":"…","message":…}}: the code is a string."""
    return _error(exchange, {"error": {"code": str(_code(exchange)), "message": _message(exchange)}})


@fault(FAULTS, 32, code=11, message="")
def error_number(exchange: Exchange) -> SandboxAnswer:
    """Answer {"error":…,"message":…}."""
    return _error(exchange, {"error": _code(exchange), "message": _message(exchange)})


@fault(FAULTS, 32, code=42, message="", field="client_groups_discount")
def error_number_field(exchange: Exchange) -> SandboxAnswer:
    """Answer {"error":…,"message":…,"field":…}."""
    content = {"error": _code(exchange), "message": _message(exchange), "field": exchange.options["field"]}
    return _error(exchange, content)


@fault(FAULTS, 32, code=11, message="")
def error_number_text(exchange: Exchange) -> SandboxAnswer:
    """Answer {"error":"…","message":…}: the code is a string."""
    return _error(exchange, {"error": str(_code(exchange)), "message": _message(exchange)})


@fault(FAULTS, 32, code=11)
def error_echo(exchange: Exchange) -> SandboxAnswer:
    """Answer an error whose message repeats the token and the address of the request."""
    request = exchange.request
    message = f"Bad access token {request.token} in {request.target}"
    return _error(exchange, {"error": {"code": _code(exchange), "message": message}})


@fault(FAULTS, 33, code=11, message="")
def error_type(exchange: Exchange) -> SandboxAnswer:
    """Answer {"code":…,"error_type":…,"error_message":…}."""
    content = {"code": _code(exchange), "error_type": "OAuthException", "error_message": _message(exchange)}
    return _error(exchange, content)


@fault(FAULTS, 33, code=44)
def error_err_code(exchange: Exchange) -> SandboxAnswer:
    """Answer {"response":{"err_code":…}}."""
    return _error(exchange, {"response": {"err_code": _code(exchange)}})


@fault(FAULTS, 33)
def error_text(exchange: Exchange) -> SandboxAnswer:
    """Answer {"error":"boom"}."""
    return _plain(exchange, {"error": "boom"})


@fault(FAULTS, 33)
def error_null_alone(exchange: Exchange) -> SandboxAnswer:
    """Answer {"error":null}, and no response."""
    return _plain(exchange, {"error": None})


@fault(FAULTS, 33, code=999, message="Something that nobody has documented")
def error_unknown_code(exchange: Exchange) -> SandboxAnswer:
    """Answer an error with a code that nobody has documented."""
    return _error(exchange, {"error": {"code": _code(exchange), "message": _message(exchange)}})


@fault(FAULTS, 33, code="E_DENIED", message="Denied")
def error_word_code(exchange: Exchange) -> SandboxAnswer:
    """Answer an error whose code is a word."""
    content = {"error": {"code": exchange.options["code"], "message": exchange.options["message"]}}
    return _plain(exchange, content)


@fault(FAULTS, 34, ANY, readable=True)
def error_null(exchange: Exchange) -> SandboxAnswer:
    """Put "error":null next to the response."""
    return _beside(exchange, None)


@fault(FAULTS, 34, ANY, readable=True)
def error_zero(exchange: Exchange) -> SandboxAnswer:
    """Put "error":0 next to the response."""
    return _beside(exchange, 0)


@fault(FAULTS, 34)
def error_zero_object(exchange: Exchange) -> SandboxAnswer:
    """Put "error":{"code":0,…} next to the response."""
    return _beside(exchange, {"code": 0, "message": ""})


@fault(FAULTS, 34, code=11, message="")
def error_beside(exchange: Exchange) -> SandboxAnswer:
    """Put an error next to the response."""
    return _beside(exchange, {"code": _code(exchange), "message": _message(exchange)}, _code(exchange))


def _code(exchange: Exchange) -> int:
    return int(exchange.options["code"])


def _message(exchange: Exchange) -> str:
    return str(exchange.options["message"] or MESSAGES.get(_code(exchange), "Something went wrong"))


def _error(exchange: Exchange, content: Any) -> SandboxAnswer:
    return SandboxAnswer(dump(content), code=_code(exchange))


def _plain(_exchange: Exchange, content: Any) -> SandboxAnswer:
    return SandboxAnswer(dump(content))


def _beside(exchange: Exchange, error: Any, code: int | None = None) -> SandboxAnswer:
    content = json.loads(exchange.answer.body)
    if "response" not in content:
        return exchange.answer
    return SandboxAnswer(dump({"error": error, **content}), code=code)
