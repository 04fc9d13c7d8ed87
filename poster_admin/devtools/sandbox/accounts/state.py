"""An account of the sandbox: its groups, clients, offers and sales."""

import html
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from poster_admin.devtools.sandbox.accounts import seed_data, validation
from poster_admin.devtools.sandbox.accounts.clients import Block, Clients, newcomer, page
from poster_admin.devtools.sandbox.accounts.disputes import Disputes, cut, in_hryvnia
from poster_admin.devtools.sandbox.accounts.receipts import Receipts
from poster_admin.devtools.sandbox.accounts.replica import (
    KEPT,
    Lag,
    Table,
    Write,
    clients_before,
    groups_before,
)
from poster_admin.devtools.sandbox.accounts.sales import SandboxReceipt, SandboxSales
from poster_admin.devtools.sandbox.accounts.seed_data import Profile, Row
from poster_admin.devtools.sandbox.accounts.validation import ApiError
from poster_admin.devtools.sandbox.http.exchange import dump


class Account:
    """An account of the sandbox, with the effects of Poster's methods on its groups and clients.

    Rows and the mapping of them are replaced, never changed, so `groups` can be read at any time without the
    lock. Use `Sandbox.console` to change a group from outside of the API.
    """

    def __init__(
        self,
        profile: Profile,
        *,
        seed: int,
        lock: threading.RLock,
        changed: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        born: Iterable[Row] = (),
    ) -> None:
        self.profile = profile
        self.name = profile.name
        self.company = profile.company
        self.number = seed_data.number(seed, profile)
        self.token = seed_data.token(seed, profile)
        self.unique_names = False
        self.promotions: Sequence[Mapping[str, Any]] = ()
        self.loyalty_rules: Sequence[Mapping[str, Any]] = ()
        self._seed = seed
        self._lock = lock
        self._changed = changed
        self._clock = clock
        self._rows: Mapping[int, Mapping[str, str]] = {}
        self._encoded: dict[int, bytes] = {}
        self._list: bytes | None = None
        self._next_id = 1
        self._past: deque[Write] = deque(maxlen=KEPT)
        self._replaced: dict[int, Mapping[str, str] | None] = {}
        self.clients = Clients(seed, profile.name, lambda group_id: self._rows.get(group_id, {}))
        self._sales = SandboxSales(seed, profile, {int(row["client_groups_id"]): row for row in born})
        self._receipts = Receipts(self._sales)
        self.disputes = self._own_disputes()

    @property
    def groups(self) -> Mapping[int, Mapping[str, str]]:
        """The rows by id, in Poster's order, exactly as on the wire."""
        return MappingProxyType(self._rows)

    def snapshot(self) -> dict[int, Row]:
        """Return a copy of all rows, which the caller may keep and change."""
        with self._lock:
            return {group_id: dict(row) for group_id, row in self._rows.items()}

    def knows(self, token: str) -> bool:
        """Return True for a token of this account, in its short or long form, and for the documentation's."""
        digits = self.token.rpartition(":")[2]
        known = {digits, f"{self.number}:{digits}", self.profile.documented_token}
        return bool(token) and token in known

    def all_groups(self) -> bytes:
        """Return the JSON list of all groups, built once after each change."""
        with self._lock:
            if self._shows_others:
                removed = [self._removed_long_ago()] if self.disputes["groups.removed"] == "listed" else []
                return dump([*map(self._shown, self._rows.values()), *removed])
            if self._list is None:
                self._list = b"[" + b",".join(self._encoded.values()) + b"]"
            return self._list

    def group(self, group_id: int) -> bytes:
        """Return the JSON of a group, or `false` for an unknown one."""
        with self._lock:
            if self._shows_others and group_id in self._rows:
                return dump(self._shown(self._rows[group_id]))
            return self._encoded.get(group_id, b"false")

    @property
    def _shows_others(self) -> bool:
        """True if rows of groups are not answered as they are stored."""
        shown = (self.disputes[name] for name in ("groups.count", "groups.removed", "names.text"))
        return tuple(shown) not in {("present", "absent", "encoded"), ("present", "absent", "changed")}

    def _shown(self, row: Mapping[str, str]) -> Row:
        shown, count = dict(row), self.disputes["groups.count"]
        group_id = int(row["client_groups_id"])
        if "count_groups_clients" in shown and count != "present":
            clients = (
                self.clients.live(group_id) // 2 if count == "other" else len([*self.clients.ids(group_id)])
            )
            shown["count_groups_clients"] = str(clients)
        if self.disputes["names.text"] == "kept":
            shown["client_groups_name"] = html.unescape(row["client_groups_name"])
        return shown

    def _removed_long_ago(self) -> Row:
        number = next(each for each in itertools.count(1) if each not in self._rows)
        row = {"client_groups_id": str(number), "client_groups_name": "Стара акція", "loyalty_type": "1"}
        zeros = ("birthday_bonus", "count_groups_clients", "use_ewallet")
        return {**row, "client_groups_discount": "3", **dict.fromkeys(zeros, "0"), "delete": "1"}

    def create(self, form: Mapping[str, str], *, apply: bool) -> int:
        """Add a group and return its id."""
        with self._lock:
            row = {"client_groups_id": str(self._next_id)} | self._values(form, None)
            row["count_groups_clients"] = "0"
            if self.profile.marks_removed:
                row |= {"use_ewallet": validation.switch(form, "use_ewallet"), "delete": "0"}
            if apply:
                return self.put(row)
            return self._next_id

    def update(self, form: Mapping[str, str], *, apply: bool) -> int:
        """Change a group and return its id. A `use_ewallet` that was not sent is off afterwards."""
        with self._lock:
            group_id = self._existing(form, "client_groups_id")
            row = dict(self._rows[group_id]) | self._values(form, group_id)
            if self.profile.marks_removed:
                row["use_ewallet"] = validation.switch(form, "use_ewallet")
            if apply:
                self.put(row)
            return group_id

    def remove(self, form: Mapping[str, str], *, apply: bool) -> int:
        """Remove a group and every client in it."""
        with self._lock:
            group_id = self._existing(form, "group_id")
            if apply:
                self.drop(group_id)
            return group_id

    def put(self, row: Mapping[str, str]) -> int:
        """Store a row, unchecked, under its id or else a new one, and return the id."""
        with self._lock:
            group_id = int(row.get("client_groups_id") or self._next_id)
            row = {"client_groups_id": str(group_id)} | dict(row)
            self._next_id = max(self._next_id, group_id + 1)
            blocks = self.clients.blocks
            if row.get("delete", "0") == "0":
                self.clients.resize(group_id, _count(row, self.clients.live(group_id)))
            self._replace(group_id, row)
            self._keep("groups", blocks)
            return group_id

    def edit(self, group_id: int, fields: Mapping[str, str]) -> None:
        """Change some fields of a row, unchecked."""
        with self._lock:
            self.put({**self._rows[group_id], **fields})

    def drop(self, group_id: int) -> None:
        """Remove a group with its clients, or mark them with `delete` "1" where the account does so."""
        with self._lock:
            row, blocks = self._rows[group_id], self.clients.blocks
            listed = self.disputes["groups.removal"] == "listed"
            self.clients.drop(group_id, listed=listed)
            if listed:
                self._replace(group_id, dict(row) | {"count_groups_clients": "0", "delete": "1"})
            else:
                self._replace(group_id, None)
            self._keep("groups", blocks)

    def offer(
        self,
        *,
        promotions: Sequence[Mapping[str, Any]] | None = None,
        loyalty_rules: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        """Replace the promotions or the loyalty rules, unchecked."""
        with self._lock:
            self.promotions = self.promotions if promotions is None else promotions
            self.loyalty_rules = self.loyalty_rules if loyalty_rules is None else loyalty_rules
            self._changed()

    # --- Clients -----------------------------------------------------------------------------------------

    def find_clients(self, query: Mapping[str, str]) -> bytes:
        """Return the JSON list of the clients that the query asks for, without `num` all of them."""
        group_id, digits = validation.whole(query, "group_id"), query.get("phone", "").removeprefix("+")
        num, offset = validation.whole(query, "num"), validation.whole(query, "offset") or 0
        order, day = validation.order(query), query.get("birthday", "")
        pages = self.disputes["clients.pages"]
        if pages == "ignored":
            num, offset = None, 0
        if self.disputes["clients.filter"] == "ignored":
            group_id = None
        with self._lock:
            if digits:
                one = self.clients.of_phone(digits)
                rows = [one] if one and group_id in (None, int(one["client_groups_id"])) else []
            elif order or day:
                found = self.clients.rows(group_id)
                rows = [row for row in found if row["birthday"].replace("-", "")[4:].startswith(day)]
                rows = order(rows) if order else rows
                rows = page(cut(rows) if pages == "cut" else rows, num, offset)
            else:
                ids: Iterable[int] = self.clients.ids(group_id)
                ids = page(cut([*ids]) if pages == "cut" else ids, num, offset)
                rows = [row for row in map(self.clients.row, ids) if row]
        rows = [self._shown_client(row) for row in rows]
        if query.get("client_id_only", "0") != "0":
            return dump([{"client_id": row["client_id"]} for row in rows])
        return dump(rows)

    def client(self, client_id: int) -> bytes:
        """Return a JSON list with the client, empty for an unknown one."""
        with self._lock:
            row = self.clients.row(client_id)
            return dump([self._shown_client(row)] if row else [])

    def _shown_client(self, row: Row) -> Row:
        if self.disputes["clients.paid_unit"] == "hryvnia":
            return row | {"total_payed_sum": in_hryvnia(row["total_payed_sum"])}
        return row

    def create_client(self, form: Mapping[str, str], *, apply: bool) -> int:
        """Add a client to a group and return the id."""
        with self._lock:
            group_id = self._existing(form, "client_groups_id_client")
            sent = self._client_values(form, None)
            return self.put_client(newcomer(group_id) | sent) if apply else self.clients.next_id

    def update_client(self, form: Mapping[str, str], *, apply: bool) -> int:
        """Change the fields of a client that were sent, its group too, and return its id."""
        with self._lock:
            client_id = validation.identifier(form, "client_id")
            row = self.clients.row(client_id)
            if row is None or row["delete"] != "0":
                raise ApiError(32, f"client_id {client_id}")
            sent = self._client_values(form, client_id)
            if "client_groups_id_client" in form:
                sent["client_groups_id"] = str(self._existing(form, "client_groups_id_client"))
            if apply:
                self.put_client({"client_id": str(client_id), **sent})
            return client_id

    def put_client(self, fields: Mapping[str, str]) -> int:
        """Change the client with this `client_id`, or add one, unchecked, and update the counts."""
        with self._lock:
            own = {name: text for name, text in fields.items() if name != "client_id"}
            client_id = int(fields.get("client_id", 0))
            if client_id:
                before = self.clients.row(client_id)
                if before is None:
                    raise KeyError(client_id)
                self.clients.update(client_id, own)
            else:
                before, client_id = None, self.clients.create(own)
            after = self.clients.row(client_id)
            for group_id in {int(row["client_groups_id"]) for row in (before, after) if row}:
                self._recount(group_id)
            self._keep("clients", self.clients.blocks)
            return client_id

    def _client_values(self, form: Mapping[str, str], client_id: int | None) -> Row:
        sent = validation.client(form, self.profile.money)
        taken = self.clients.of_phone(sent["phone_number"]) if sent.get("phone_number") else None
        if taken and taken["client_id"] != str(client_id):
            raise ApiError(34, "phone")
        return sent

    def _recount(self, group_id: int) -> None:
        if group_id not in self._rows:
            return
        count = {"count_groups_clients": str(self.clients.live(group_id))}
        self._replace(group_id, {**self._rows[group_id], **count})

    def _replace(self, group_id: int, row: Mapping[str, str] | None) -> None:
        """Replace the row of a group; None removes it."""
        self._replaced.setdefault(group_id, self._rows.get(group_id))
        if row is None:
            del self._encoded[group_id]
            self._rows = {other: kept for other, kept in self._rows.items() if other != group_id}
        else:
            self._encoded[group_id] = dump(row)
            self._rows = {**self._rows, group_id: MappingProxyType(dict(row))}
        self._list = None

    def _keep(self, table: Table, blocks: tuple[Block, ...]) -> None:
        """Record a write with the rows and the `blocks` that it replaced, and save the state."""
        clients, groups = self.clients.take_replaced(), self._replaced
        changed_clients = clients or blocks != self.clients.blocks
        tables: frozenset[Table] = frozenset((table, "clients") if changed_clients else (table,))
        self._past.append(Write(self._clock(), tables, groups, clients, blocks))
        self._replaced = {}
        self._changed()

    # --- Sales -------------------------------------------------------------------------------------------

    def clients_sales(self, query: Mapping[str, str]) -> bytes:
        """Return the JSON list of the sales in a period, for each client who bought in it."""
        with self._lock:
            return dump(self._sales.rows(query, self.clients, self.disputes))

    def receipts(self, query: Mapping[str, str]) -> bytes:
        """Return the JSON list of a page of receipts."""
        with self._lock:
            return dump(self._receipts.rows(query, self.clients, self.disputes))

    def _own_disputes(self) -> Disputes:
        profile = self.profile
        listed = {"groups.removal": "listed"} if profile.marks_removed else {}
        return Disputes({"birthday_bonus.unit": profile.money, **listed})

    def tell_stories(self) -> None:
        """Let bonuses move from day to day, and let three cards have a story."""
        self._sales.stories = True
        self.clients.accrued = self._sales.accrued

    def invented_receipts(self, client_id: int, first: date, last: date) -> Iterator[SandboxReceipt]:
        """Yield the receipts of a client that follow from the seed."""
        group_id = self.clients.born_in(client_id)
        return self._sales.invented_of(client_id, group_id, first.toordinal(), last.toordinal())

    def accrued(self, client_id: int, day: date) -> int:
        """Return the kopecks of bonuses that receipts have brought a client up to a day, less those spent."""
        return self._sales.by_receipts(client_id, self.clients.born_in(client_id), day.toordinal())

    def sell(self, client_id: int, receipt: SandboxReceipt) -> None:
        """Add a receipt of a client, or of nobody."""
        with self._lock:
            self._sales.add(client_id, receipt)
            self._changed()

    def take_back_sales(self, client_id: int) -> None:
        """Take back the receipts of a client that were added."""
        with self._lock:
            self._sales.take_back(client_id)
            self._changed()

    # --- Earlier states ----------------------------------------------------------------------------------

    def earlier(self, lag: Lag, table: Table) -> "Account":
        """Return a copy of this account without the writes that the lag hides; itself if there are none."""
        with self._lock:
            unseen = lag.unseen(self._past, table, self._clock())
            if not unseen:
                return self
            rows = groups_before(self._rows, unseen)
            changes, blocks = clients_before(self.clients.changes, self.clients.blocks, unseen)
        people = {"next_id": 1, "blocks": map(astuple, blocks), "changes": changes}
        copy = Account(self.profile, seed=self._seed, lock=threading.RLock(), changed=lambda: None)
        # Only a read of clients needs them, and laying them out is slow.
        copy.load(
            map(dict, rows),
            clients=people if table == "clients" else {"next_id": 1},
            offers=self._offers(),
        )
        copy.disputes = self.disputes
        return copy

    def load(
        self,
        rows: Iterable[Row],
        next_id: int = 1,
        clients: Mapping[str, Any] = MappingProxyType({}),
        offers: Mapping[str, Any] = MappingProxyType({}),
        sales: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Replace all groups by these rows, with the saved clients, offers and sales or the seed's."""
        with self._lock:
            self._rows = {int(row["client_groups_id"]): MappingProxyType(row) for row in rows}
            self._encoded = {group_id: dump(dict(row)) for group_id, row in self._rows.items()}
            self._next_id = max(next_id, max(self._rows, default=0) + 1)
            self._list = None
            offers = offers or {
                "promotions": seed_data.promotions(self.profile),
                "loyalty_rules": seed_data.loyalty_rules(self.profile, self._rows.values()),
            }
            self.promotions, self.loyalty_rules = offers["promotions"], offers["loyalty_rules"]
            self._past.clear()
            self._replaced.clear()
            self._sales.load(sales)
            self.disputes = self._own_disputes()
            self.clients.load(clients, {group_id: _count(row, 0) for group_id, row in self._rows.items()})

    def save(self) -> dict[str, Any]:
        """Return the state that `load` restores, ready for JSON."""
        rows = [dict(row) for row in self._rows.values()]
        return {
            "next_id": self._next_id,
            "groups": rows,
            "clients": self.clients.save(),
            "offers": self._offers(),
            "sales": self._sales.save(),
        }

    def _offers(self) -> dict[str, Any]:
        return {"promotions": list(self.promotions), "loyalty_rules": list(self.loyalty_rules)}

    def _existing(self, form: Mapping[str, str], field: str) -> int:
        group_id = validation.identifier(form, field)
        if self._rows.get(group_id, {"delete": "1"}).get("delete", "0") != "0":
            raise ApiError(32, f"{field} {group_id}")
        return group_id

    def _values(self, form: Mapping[str, str], group_id: int | None) -> Row:
        row = {
            "client_groups_name": validation.name(form, self.disputes["names.text"]),
            "loyalty_type": validation.loyalty_type(form),
            "client_groups_discount": validation.percent(form, fraction=self.disputes["percent.fraction"]),
            "birthday_bonus": validation.kopecks(form, self.disputes["birthday_bonus.unit"]),
        }
        is_unique = self.unique_names or self.disputes["names.twice"] == "refused"
        if is_unique and self._is_taken(row["client_groups_name"], group_id):
            raise ApiError(38)
        return row

    def _is_taken(self, name: str, group_id: int | None) -> bool:
        others = (
            row for other, row in self._rows.items() if other != group_id and row.get("delete", "0") == "0"
        )
        return any(_folded(row["client_groups_name"]) == _folded(name) for row in others)


def _count(row: Mapping[str, Any], otherwise: int) -> int:
    counter = row.get("count_groups_clients")
    return int(counter) if isinstance(counter, str) and counter.isdecimal() else otherwise


# Cached, because every write compares its name with all others.
@lru_cache(maxsize=100_000)
def _folded(name: str) -> str:
    return html.unescape(name).strip().casefold()
