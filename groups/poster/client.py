"""The client of the Poster Web API.

Source of its methods: the Poster API documentation, section clients (marketing), and settings.
"""

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Self

from urllib3.util import parse_url

from groups.poster.clients import Client, ClientList, ClientValues, PromotionList
from groups.poster.errors import (
    REFUSALS,
    InvalidResponse,
    NotFound,
    OutcomeUnknown,
    PosterError,
    Refused,
    Unreachable,
)
from groups.poster.parsing import interpret_groups, parse_response, written_id
from groups.poster.records import Group, GroupList, GroupValues, Settings, UnreadableRow
from groups.poster.redact import MASK
from groups.poster.transport import Answer, Failure, Timeouts, Transport

DEFAULT_URL = "https://{account}.joinposter.com/api/"
ACCOUNT = re.compile(r"(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
"""The login of a Poster account: one DNS label. Anything else in its place would send the token elsewhere."""

# A second try needs at least this long to be worth it.
SHORTEST_TRY = 0.3
PAUSE_BEFORE_IT = (0.05, 0.2)


@dataclass(frozen=True, slots=True)
class CallReport:
    """One exchange with Poster, for logs and metrics: nothing in it is secret.

    `outcome` is "ok" or the reason of the error; `status` is None where no answer came.
    """

    account: str
    method: str
    attempt: int
    outcome: str
    status: int | None
    code: int | None
    size: int
    seconds: float


class PosterClient:
    """Call Poster's methods of client groups and their clients, for one account and its token.

    `url` is the pattern of the API's address; `{account}` in it stands for the account's login. `transport`
    may be shared by all clients of a process. `bonus_in_kopecks` is for an account that takes the written
    birthday bonus of a group for kopecks, against the documentation. `on_call` hears of each exchange.

    Every method raises a `PosterError`; which ones, `groups.poster.errors` draws. `within` bounds one call in
    seconds, instead of the deadline in `timeouts`. Reads are tried twice where that can help; a write is
    tried again only if the connection was never made.
    """

    def __init__(
        self,
        account: str,
        token: str,
        *,
        url: str = DEFAULT_URL,
        timeouts: Timeouts | None = None,
        bonus_in_kopecks: bool = False,
        transport: Transport | None = None,
        on_call: Callable[[CallReport], None] | None = None,
    ) -> None:
        self.account = account
        self._token = token
        self._url = api_url(url, account)
        self._timeouts = timeouts or Timeouts()
        self._bonus_in_kopecks = bonus_in_kopecks
        self._transport = transport or Transport()
        self._on_call = on_call

    def __repr__(self) -> str:
        return f"<PosterClient {self.account}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    # --- clients.* -----------------------------------------------------------------------------------------

    def get_groups(self, *, within: float | None = None) -> GroupList:
        """Return all client groups, in Poster's order, removed ones and unreadable rows among them."""
        groups: GroupList = self._read("clients.getGroups", {}, within)
        return groups

    def get_group(self, group_id: int, *, within: float | None = None) -> Group:
        """Return one client group. Raises `NotFound` also for one that Poster lists as removed."""
        method = "clients.getGroup"
        row = self._read(method, {"group_id": str(group_id)}, within)
        if row is False:
            raise NotFound(None, "no such group", method=method)
        try:
            group = Group.from_wire(row)
        except UnreadableRow as error:
            problem = error.problem
        else:
            if group.id != group_id:
                raise InvalidResponse("another group than was asked for", method=method, reason="shape")
            if group.removed:
                raise NotFound(None, "the group is removed", method=method)
            return group
        raise InvalidResponse(problem, method=method, reason="unreadable_row")

    def create_group(self, values: GroupValues, *, within: float | None = None) -> int:
        """Create a group and return its id. Raises `OutcomeUnknown` where the answer does not tell."""
        method = "clients.createGroup"
        return written_id(
            self._write(method, values.to_wire(in_kopecks=self._bonus_in_kopecks), within), method
        )

    def update_group(self, group_id: int, values: GroupValues, *, within: float | None = None) -> int:
        """Give a group these values, all of them, and return the id that Poster answers.

        In Poster's own sample that id is not the one that was sent: only a read afterwards proves the update.
        """
        method = "clients.updateGroup"
        form = {"client_groups_id": str(group_id), **values.to_wire(in_kopecks=self._bonus_in_kopecks)}
        return written_id(self._write(method, form, within), method)

    def remove_group(self, group_id: int, *, within: float | None = None) -> None:
        """Remove a group **and every client in it**, for good."""
        method = "clients.removeGroup"
        if self._write(method, {"group_id": str(group_id)}, within) is not True:
            raise OutcomeUnknown("the answer is not true", method=method, reason="shape")

    def get_clients(
        self,
        *,
        group_id: int | None = None,
        num: int | None = None,
        offset: int = 0,
        order_by: str = "",
        sort: Literal["", "asc", "desc"] = "",
        phone: str = "",
        birthday: str = "",
        within: float | None = None,
    ) -> ClientList:
        """Return clients, removed ones and unreadable rows among them; without `num` **all** there are.

        `order_by` is a field as Poster calls it, `phone` the digits of a number, `birthday` a month and a day
        ("0524"). Raises `InvalidResponse` for clients of another group, or more of them, than asked for: to
        take those for members would be worse than to have none.
        """
        method = "clients.getClients"
        asked = {
            "group_id": group_id,
            "num": num,
            "offset": offset if num is not None else None,
            "order_by": order_by or None,
            "sort": sort or None,
            "phone": phone or None,
            "birthday": birthday or None,
        }
        params = {name: str(value) for name, value in asked.items() if value is not None}
        rows = self._read(method, params, within)
        if not isinstance(rows, list):
            raise InvalidResponse("the clients are not a list", method=method, reason="shape")
        if num is not None and len(rows) > num:
            raise InvalidResponse("more clients than were asked for", method=method, reason="shape")
        found = ClientList.from_wire(rows)
        if group_id is not None and any(c.group_id != group_id and not c.removed for c in found.clients):
            raise InvalidResponse(
                "clients of another group than was asked for", method=method, reason="shape"
            )
        return found

    def get_client(self, client_id: int, *, within: float | None = None) -> Client:
        """Return one client. Raises `NotFound` also for one that Poster lists as removed."""
        method = "clients.getClient"
        rows = self._read(method, {"client_id": str(client_id)}, within)
        if rows is False or rows == []:
            raise NotFound(None, "no such client", method=method)
        if not isinstance(rows, list) or len(rows) != 1:
            raise InvalidResponse("the client is not a list of one", method=method, reason="shape")
        found = ClientList.from_wire(rows)
        if found.unreadable:
            raise InvalidResponse(found.unreadable[0].problem, method=method, reason="unreadable_row")
        client = found.clients[0]
        if client.id != client_id:
            raise InvalidResponse("another client than was asked for", method=method, reason="shape")
        if client.removed:
            raise NotFound(None, "the client is removed", method=method)
        return client

    def create_client(self, values: ClientValues, *, within: float | None = None) -> int:
        """Create a client and return its id. Raises `OutcomeUnknown` where the answer does not tell."""
        method = "clients.createClient"
        return written_id(self._write(method, values.to_wire(), within), method)

    def update_client(self, client_id: int, values: ClientValues, *, within: float | None = None) -> int:
        """Give a client these values and leave the others; return the id that Poster answers.

        As with a group, only a read afterwards proves the update.
        """
        method = "clients.updateClient"
        form = {"client_id": str(client_id), **values.to_wire()}
        return written_id(self._write(method, form, within), method)

    def get_promotions(self, *, within: float | None = None) -> PromotionList:
        """Return the promotions, with the groups that they are for."""
        method = "clients.getPromotions"
        rows = self._read(method, {}, within)
        if not isinstance(rows, list):
            raise InvalidResponse("the promotions are not a list", method=method, reason="shape")
        return PromotionList.from_wire(rows)

    # --- settings.* ----------------------------------------------------------------------------------------

    def get_settings(self, *, within: float | None = None) -> Settings:
        """Return the company's name and currency. A token may lack the right to it: raises `NotAllowed`."""
        method = "settings.getAllSettings"
        data = self._read(method, {}, within)
        if not isinstance(data, dict):
            raise InvalidResponse("the settings are not an object", method=method, reason="shape")
        return Settings.from_wire(data)

    # --- One call ------------------------------------------------------------------------------------------

    def _read(self, method: str, params: Mapping[str, str], within: float | None) -> Any:
        deadline = time.monotonic() + (self._timeouts.read_deadline if within is None else within)
        return self._call(method, params, None, deadline, may_repeat=_may_repeat_read)

    def _write(self, method: str, form: Mapping[str, str], within: float | None) -> Any:
        deadline = time.monotonic() + (self._timeouts.write_deadline if within is None else within)
        return self._call(method, {}, form, deadline, may_repeat=_may_repeat_write)

    def _call(
        self,
        method: str,
        params: Mapping[str, str],
        form: Mapping[str, str] | None,
        deadline: float,
        *,
        may_repeat: Callable[[PosterError], bool],
    ) -> Any:
        result = self._attempt(method, params, form, deadline, 1)
        if isinstance(result, PosterError) and may_repeat(result):
            pause = _pause(result)
            if time.monotonic() + pause + SHORTEST_TRY < deadline:
                time.sleep(pause)
                result = self._attempt(method, params, form, deadline, 2)
        if isinstance(result, PosterError):
            raise result
        return result

    def _attempt(
        self,
        method: str,
        params: Mapping[str, str],
        form: Mapping[str, str] | None,
        deadline: float,
        attempt: int,
    ) -> Any:
        """Make one exchange and return Poster's `response`, or the error as a value.

        As a value: an exception raised where the request was made would carry the token in its frames.
        """
        started = time.monotonic()
        answer = self._transport.exchange(
            "GET" if form is None else "POST",
            self._url + method,
            params={"format": "json", "token": self._token, **params},
            form=form,
            timeouts=self._timeouts,
            deadline=deadline,
        )
        if isinstance(answer, Answer):
            answer = _without_token(answer, self._token)
        meaning = interpret_groups if method == "clients.getGroups" else parse_response
        result = meaning(answer, method)
        if form is not None and isinstance(result, PosterError):
            result = _write_error(result)
        if self._on_call:
            self._on_call(self._report(method, attempt, answer, result, time.monotonic() - started))
        return result

    def _report(
        self, method: str, attempt: int, answer: Answer | Failure, result: Any, seconds: float
    ) -> CallReport:
        failed = isinstance(result, PosterError)
        return CallReport(
            account=self.account,
            method=method,
            attempt=attempt,
            outcome=result.reason if failed else "ok",
            status=answer.status if isinstance(answer, Answer) else None,
            code=getattr(result, "code", None) if failed else None,
            size=len(answer.body) if isinstance(answer, Answer) else 0,
            seconds=seconds,
        )


@lru_cache(maxsize=1000)
def api_url(pattern: str, account: str) -> str:
    """Return the address of an account's API. Raises ValueError for anything that is not an account's login.

    The finished address is read again: its host has to be the one that the pattern gives, whatever was in
    the name.
    """
    if not ACCOUNT.fullmatch(account):
        raise ValueError("This is not the login of a Poster account.")
    url = parse_url(pattern.replace("{account}", account))
    stand_in = "account-of-poster"
    expected = parse_url(pattern.replace("{account}", stand_in))
    host = (expected.host or "").replace(stand_in, account)
    if (url.scheme, url.host, url.port, url.auth) != (expected.scheme, host, expected.port, None):
        raise ValueError("The account's login changes the address of the API.")
    return str(url).rstrip("/") + "/"


def _without_token(answer: Answer, token: str) -> Answer:
    """Take the token out of a body that echoes our request, before anything reads or keeps it."""
    secret = token.rpartition(":")[2].encode()
    if not secret or secret not in answer.body:
        return answer
    return Answer(answer.status, answer.body.replace(secret, MASK.encode()), answer.retry_after)


def _may_repeat_read(error: PosterError) -> bool:
    return isinstance(error, Unreachable | InvalidResponse) and error.retryable


def _may_repeat_write(error: PosterError) -> bool:
    return isinstance(error, Unreachable) and not error.sent and error.retryable


def _pause(error: PosterError) -> float:
    if isinstance(error, InvalidResponse) and error.retry_after is not None:
        return float(error.retry_after)
    return random.uniform(*PAUSE_BEFORE_IT)  # noqa: S311 - jitter is no secret


def _write_error(error: PosterError) -> PosterError:
    """Return what an error means for a write: unknown, unless Poster certainly refused or was never asked."""
    if isinstance(error, Unreachable) and not error.sent:
        return error
    if isinstance(error, Refused) and error.code in REFUSALS:
        return error
    return OutcomeUnknown(
        error.detail,
        method=error.method,
        reason=error.reason,
        code=getattr(error, "code", None),
        message=getattr(error, "message", ""),
    )
