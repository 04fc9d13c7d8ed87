"""Call the methods of the Poster Web API for one account.

Its token is sent to the address of its API, and to no other host.

Source: the Poster API documentation, sections clients (marketing), dash (statistics) and settings.
"""

import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache, partial
from typing import Any, Literal, Self

from urllib3.util import parse_url

from groups.poster.clients import Client, ClientList, ClientValues
from groups.poster.errors import (
    MASK,
    REFUSALS,
    ErrorReason,
    InvalidResponse,
    NotFound,
    OutcomeUnknown,
    PosterError,
    PosterRefused,
    Unreachable,
)
from groups.poster.fields import UnreadableRow
from groups.poster.group_lists import GroupList
from groups.poster.parsing import (
    interpret_groups,
    interpret_rows,
    interpret_sales,
    parse_response,
    written_id,
)
from groups.poster.receipts import CLOSED, ReceiptPage, ReceiptsOf
from groups.poster.records import (
    Group,
    GroupValues,
    LoyaltyRuleList,
    PromotionList,
    SalesList,
    Settings,
)
from groups.poster.transport import Answer, Timeouts, Transport, TransportFailure

DEFAULT_URL = "https://{account}.joinposter.com/api/"
ACCOUNT = re.compile(r"(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
"""The login of a Poster account: one DNS label. Any other text could send the token to a foreign host."""


@lru_cache(maxsize=1000)
def api_url(pattern: str, account: str) -> str:
    """Return the address of an account's API. Raises `ValueError` if `account` is not a valid login.

    Parse the finished address again and compare its host with the pattern's, so that no login can change
    the host.
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


# Seconds that must be left before the deadline for a second attempt to be worth it.
SHORTEST_TRY = 0.3

type Parse = Callable[[Answer | TransportFailure, str], Any]
"""A function that returns the value in an answer to a method, or the error that the answer means."""


@dataclass(frozen=True, slots=True)
class CallReport:
    """One HTTP exchange with Poster, for logs and metrics. It contains no secrets.

    `outcome` is "ok" or the reason of the error; `status` is None if no response came. `detail` is OpenSSL's
    reason where it did not accept a certificate.
    """

    account: str
    method: str
    attempt: int
    outcome: str
    status: int | None
    code: int | None
    size: int
    seconds: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """In what the answers of one account differ from what is documented.

    `at_once`: `num` and `offset` of clients are ignored; `unfiltered`: their `group_id` is;
    `cut`: their list ends too soon.
    """

    at_once: bool = False
    cut: bool = False
    unfiltered: bool = False
    clients_in_hryvnia: bool = False
    sales_in_hryvnia: bool = False
    rules_in_kopecks: bool = False


AS_DOCUMENTED = Dialect()


class PosterClient:
    """Call Poster's methods for client groups and their clients, with one account and its token.

    `url` is the pattern of the API's address, with `{account}` for the account's login. `transport` may be
    shared by all `PosterClient` objects of a process, and stays open when one of them ends. Set
    `bonus_in_kopecks` for an account that reads the written birthday bonus of a group as kopecks. `on_call`
    receives a report of each exchange.

    Every method raises `PosterError`; `groups.poster.errors` lists its subclasses. `within` limits one call
    to so many seconds and replaces the deadline in `timeouts`; a longer one is also the time for each piece
    of data. A read is retried once where a retry can help, a write only if no connection was made.
    """

    def __init__(
        self,
        account: str,
        token: str,
        *,
        url: str = DEFAULT_URL,
        timeouts: Timeouts | None = None,
        bonus_in_kopecks: bool = False,
        dialect: Dialect = AS_DOCUMENTED,
        transport: Transport | None = None,
        on_call: Callable[[CallReport], None] | None = None,
    ) -> None:
        self.account = account
        self._token = token
        self._url = api_url(url, account)
        self._timeouts = timeouts or Timeouts()
        self._bonus_in_kopecks = bonus_in_kopecks
        self.dialect = dialect
        self._owns_transport = transport is None
        self._transport = transport or Transport()
        self._on_call = on_call

    def __repr__(self) -> str:
        return f"<PosterClient {self.account}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._owns_transport:
            self._transport.close()

    # --- clients.* -----------------------------------------------------------------------------------------

    def get_groups(self, *, within: float | None = None) -> GroupList:
        """Return all client groups in Poster's order, including removed ones and unreadable rows."""
        groups: GroupList = self._call("clients.getGroups", within=within, parse=interpret_groups)
        return groups

    def get_group(self, group_id: int, *, within: float | None = None) -> Group:
        """Return one client group. Raises `NotFound` also if Poster lists the group as removed."""
        method = "clients.getGroup"
        row = self._call(method, {"group_id": str(group_id)}, within=within)
        if row is False:
            raise NotFound(None, method=method)
        found = GroupList.from_wire([row])
        return _the_one(found.groups, found.unreadable, group_id, method)

    def create_group(self, values: GroupValues, *, within: float | None = None) -> int:
        """Create a group and return its id. Raises `OutcomeUnknown` if the response contains no id."""
        form = values.to_wire(in_kopecks=self._bonus_in_kopecks)
        return self._write_for_id("clients.createGroup", form, within)

    def update_group(self, group_id: int, values: GroupValues, *, within: float | None = None) -> int:
        """Replace all values of a group and return the id in Poster's response.

        Poster's own sample returns a different id than the one sent, so only a later read proves the update.
        """
        form = {"client_groups_id": str(group_id), **values.to_wire(in_kopecks=self._bonus_in_kopecks)}
        return self._write_for_id("clients.updateGroup", form, within)

    def remove_group(self, group_id: int, *, within: float | None = None) -> None:
        """Remove a group **and every client in it**, permanently."""
        method = "clients.removeGroup"
        if self._call(method, form={"group_id": str(group_id)}, within=within) is not True:
            raise OutcomeUnknown("the answer is not true", method=method, reason=ErrorReason.SHAPE)

    def get_clients(
        self,
        *,
        group_id: int | None = None,
        num: int | None = None,
        offset: int = 0,
        order_by: str = "",
        sort: Literal["", "asc", "desc"] = "",
        phone: str = "",
        within: float | None = None,
    ) -> ClientList:
        """Return clients, including removed ones and unreadable rows; without `num` return **all** of them.

        `order_by` is Poster's name of a field, `phone` the digits of a number. Raises `InvalidResponse` if
        the response has clients of another group, or more clients than were requested: no list is better than
        a list with clients that are not members.
        """
        method = "clients.getClients"
        # Pick out here, of everybody, what Poster does not pick out.
        picks = self.dialect.at_once or (self.dialect.unfiltered and group_id is not None)
        wanted = num, offset, group_id
        if picks:
            num, group_id = None, None if self.dialect.unfiltered else group_id
        parameters = {
            "group_id": group_id,
            "num": num,
            "offset": offset if num is not None else None,
            "order_by": order_by or None,
            "sort": sort or None,
            "phone": phone or None,
        }
        params = {name: str(value) for name, value in parameters.items() if value is not None}
        rows = self._rows(method, params, within)
        if num is not None and len(rows) > num:
            raise InvalidResponse("more clients than were requested", method=method, reason=ErrorReason.SHAPE)
        if picks:
            rows = _picked(rows, *wanted, by_id=order_by == "client_id")
        found = ClientList.from_wire(rows, paid_in_hryvnia=self.dialect.clients_in_hryvnia)
        if group_id is not None and any(c.group_id != group_id and not c.removed for c in found.clients):
            raise InvalidResponse(
                "clients of another group than was requested", method=method, reason=ErrorReason.SHAPE
            )
        return found

    def get_client(self, client_id: int, *, within: float | None = None) -> Client:
        """Return one client. Raises `NotFound` also if Poster lists the client as removed."""
        method = "clients.getClient"
        rows = self._call(method, {"client_id": str(client_id)}, within=within)
        if rows is False or rows == []:
            raise NotFound(None, method=method)
        if not isinstance(rows, list) or len(rows) != 1:
            raise InvalidResponse("the client is not a list of one", method=method, reason=ErrorReason.SHAPE)
        found = ClientList.from_wire(rows, paid_in_hryvnia=self.dialect.clients_in_hryvnia)
        return _the_one(found.clients, found.unreadable, client_id, method)

    def create_client(self, values: ClientValues, *, within: float | None = None) -> int:
        """Create a client and return its id. Raises `OutcomeUnknown` if the response contains no id."""
        return self._write_for_id("clients.createClient", values.to_wire(), within)

    def update_client(self, client_id: int, values: ClientValues, *, within: float | None = None) -> int:
        """Change these values of a client, keep the others, and return the id in Poster's response.

        As with a group, only a later read proves the update.
        """
        form = {"client_id": str(client_id), **values.to_wire()}
        return self._write_for_id("clients.updateClient", form, within)

    def get_promotions(self, *, within: float | None = None) -> PromotionList:
        return PromotionList.from_wire(self._rows("clients.getPromotions", {}, within))

    def get_loyalty_rules(self, *, within: float | None = None) -> LoyaltyRuleList:
        """Return no rules where Poster says `false`: it has found none."""
        rows = self._rows("clients.getLoyaltyRules", {}, within, false_is_empty=True)
        return LoyaltyRuleList.from_wire(rows, in_kopecks=self.dialect.rules_in_kopecks)

    # --- dash.* --------------------------------------------------------------------------------------------

    def get_clients_sales(self, first: date, last: date, *, within: float | None = None) -> SalesList:
        """Return the sales to each client who bought from `first` to `last`, both days included.

        Money is in hryvnia: Poster sends kopecks. Removed clients are among them. Raises `NotAllowed` if the
        token lacks the right to statistics.
        """
        period = {"dateFrom": f"{first:%Y%m%d}", "dateTo": f"{last:%Y%m%d}"}
        parse = partial(interpret_sales, in_hryvnia=self.dialect.sales_in_hryvnia)
        sales: SalesList = self._call("dash.getClientsSales", period, within=within, parse=parse)
        return sales

    def get_receipts(
        self,
        first: date,
        last: date,
        *,
        after: int | None = None,
        of: ReceiptsOf | None = None,
        bonus_is_money: bool = False,
        within: float | None = None,
    ) -> ReceiptPage:
        """Return one page of the closed receipts from `first` to `last`: Poster's days of business.

        `after` is the id of the receipt after which the page begins. Its size and order, whether the days
        hold behind the first one, and what `bonus` is, are facts of an account. Raises `NotAllowed` without
        the right to statistics.
        """
        period = {"dateFrom": f"{first:%Y%m%d}", "dateTo": f"{last:%Y%m%d}", "status": str(CLOSED)}
        params = period if after is None else period | {"next_tr": str(after)}
        if of:
            params |= {"type": of[0], "id": str(of[1])}
        return ReceiptPage.from_wire(
            self._rows("dash.getTransactions", params, within), bonus_is_money=bonus_is_money
        )

    # --- settings.* ----------------------------------------------------------------------------------------

    def get_settings(self, *, within: float) -> Settings:
        """Return the company's name and currency. Raises `NotAllowed` if the token lacks the right."""
        method = "settings.getAllSettings"
        data = self._call(method, within=within)
        if not isinstance(data, dict):
            raise InvalidResponse("the settings are not an object", method=method, reason=ErrorReason.SHAPE)
        return Settings.from_wire(data)

    # --- Any read ------------------------------------------------------------------------------------------

    def read(
        self,
        method: str,
        params: Mapping[str, str],
        *,
        within: float,
        keep: Callable[[Answer | TransportFailure], object],
    ) -> Any:
        """Read a method once, without a second try; return its response as it came, a list as its rows.

        `keep` gets the answer, for its size, its status and its time.
        """

        def parse(answer: Answer | TransportFailure, method: str) -> Any:
            keep(answer)
            return interpret_rows(answer, method)

        limits = replace(self._timeouts, read=max(within, self._timeouts.read))
        found = self._attempt(1, method, params, None, limits, time.monotonic() + within, parse)
        if isinstance(found, PosterError):
            raise found
        return found

    # --- One call ------------------------------------------------------------------------------------------

    def _write_for_id(self, method: str, form: Mapping[str, str], within: float | None) -> int:
        return written_id(self._call(method, form=form, within=within), method)

    def _rows(
        self, method: str, params: Mapping[str, str], within: float | None, *, false_is_empty: bool = False
    ) -> list[Any]:
        rows = self._call(method, params, within=within)
        if false_is_empty and rows is False:
            return []
        if not isinstance(rows, list):
            raise InvalidResponse("the response is not a list", method=method, reason=ErrorReason.SHAPE)
        return rows

    def _call(
        self,
        method: str,
        params: Mapping[str, str] | None = None,
        *,
        form: Mapping[str, str] | None = None,
        within: float | None,
        parse: Parse = parse_response,
    ) -> Any:
        """Call a method, a write if there is a form; where that can help, once more."""
        limits = self._timeouts
        usual = limits.read_deadline if form is None else limits.write_deadline
        if within is not None and within > usual:
            limits = replace(limits, read=within)
        deadline = time.monotonic() + (usual if within is None else within)
        result = self._attempt(1, method, params or {}, form, limits, deadline, parse)
        if isinstance(result, PosterError) and result.retryable:
            pause = random.uniform(*limits.pause)  # noqa: S311 - jitter is no secret
            if isinstance(result, InvalidResponse) and result.retry_after is not None:
                pause = float(result.retry_after)
            if time.monotonic() + pause + SHORTEST_TRY < deadline:
                time.sleep(pause)
                result = self._attempt(2, method, params or {}, form, limits, deadline, parse)
        if isinstance(result, PosterError):
            raise result
        return result

    def _attempt(
        self,
        attempt: int,
        method: str,
        params: Mapping[str, str],
        form: Mapping[str, str] | None,
        limits: Timeouts,
        deadline: float,
        parse: Parse,
    ) -> Any:
        """Make one exchange and return Poster's `response`, or the error.

        The error is returned, not raised: a traceback from here would hold the token in its local variables.
        """
        started = time.monotonic()
        answer = self._transport.exchange(
            "GET" if form is None else "POST",
            self._url + method,
            params={"format": "json", "token": self._token, **params},
            form=form,
            timeouts=limits,
            deadline=deadline,
        )
        # Masked before it is parsed or stored: the body may echo the request.
        secret = self._token.rpartition(":")[2].encode()
        if isinstance(answer, Answer) and secret and secret in answer.body:
            answer = replace(answer, body=answer.body.replace(secret, MASK.encode()))
        result = parse(answer, method)
        if form is not None and isinstance(result, PosterError):
            result = _write_error(result)
        if self._on_call:
            failed = isinstance(result, PosterError)
            report = CallReport(
                account=self.account,
                method=method,
                attempt=attempt,
                outcome=result.reason if failed else "ok",
                status=answer.status if isinstance(answer, Answer) else None,
                code=getattr(result, "code", None) if failed else None,
                size=len(answer.body) if isinstance(answer, Answer) else 0,
                seconds=time.monotonic() - started,
                detail=answer.detail if isinstance(answer, TransportFailure) else "",
            )
            self._on_call(report)
        return result


def _picked(rows: list[Any], num: int | None, offset: int, group_id: int | None, *, by_id: bool) -> list[Any]:
    """Return a page of the clients of a group out of all; who cannot be read may belong to any."""

    def number(row: object, field: str) -> int | None:
        value = row.get(field) if isinstance(row, Mapping) else None
        return int(value) if isinstance(value, str | int) and str(value).isdecimal() else None

    found = [row for row in rows if group_id is None or number(row, "client_groups_id") in (group_id, None)]
    if by_id:
        found.sort(key=lambda row: number(row, "client_id") or 0)
    return found if num is None else found[offset : offset + num]


def _the_one[T: (Group, Client)](
    records: Sequence[T], unreadable: tuple[UnreadableRow, ...], record_id: int, method: str
) -> T:
    """Return the record in a response about one. Raises `NotFound` if it is removed."""
    if unreadable:
        raise InvalidResponse(unreadable[0].problem, method=method, reason=ErrorReason.UNREADABLE_ROW)
    record = records[0]
    if record.id != record_id:
        raise InvalidResponse("another record than was requested", method=method, reason=ErrorReason.SHAPE)
    if record.removed:
        raise NotFound(None, method=method)
    return record


def _write_error(error: PosterError) -> PosterError:
    """Return the error to raise for a write.

    The outcome is unknown unless Poster refused with a known code or the request was never sent. So only a
    write that was never sent is retried.
    """
    if isinstance(error, Unreachable) and not error.sent:
        return error
    if isinstance(error, PosterRefused) and error.code in REFUSALS:
        return error
    return OutcomeUnknown(
        error.detail,
        method=error.method,
        reason=error.reason,
        code=getattr(error, "code", None),
        message=getattr(error, "message", ""),
    )
