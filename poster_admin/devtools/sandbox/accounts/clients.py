"""The clients of an account of the sandbox: blocks of ids that follow from the seed, and the changes since.

A block is a range of consecutive ids in one group. The row of a client is made only when a call asks for it,
so an account of millions costs nothing. A changed client is kept as the fields that differ from the seed's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any, Literal
from zoneinfo import ZoneInfo

from poster_admin.devtools.sandbox.accounts import invented_clients
from poster_admin.devtools.sandbox.accounts.seed_data import Row

_GROUP = "client_groups_id"
# After so many clients of a block comes one that was deleted alone and is still listed.
_A_DELETED_ONE_AFTER = 40
_BLOCK = _A_DELETED_ONE_AFTER + 1
ZONE = ZoneInfo("Europe/Kyiv")

type Fate = Literal["", "deleted", "gone"]
# The fields of a client that differ from the seed's; None for a client that is gone.
type Change = Row | None


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive ids of clients that the seed put into one group.

    `fate` says what happened to those of them that have no changes of their own.
    """

    first: int
    size: int
    group: int
    fate: Fate = ""

    def __contains__(self, client_id: int) -> bool:
        return self.first <= client_id < self.first + self.size

    def is_deleted(self, client_id: int) -> bool:
        """Return True if a client of the block is listed as deleted."""
        return self.fate == "deleted" or (client_id - self.first) % _BLOCK == _A_DELETED_ONE_AFTER

    @property
    def live(self) -> int:
        """Number of clients that are not deleted, as if none had changes of their own."""
        return 0 if self.fate else self.size - self.size // _BLOCK


class Clients:
    """The clients of one account, guarded by the lock of the account."""

    def __init__(self, seed: int, account: str, group_row: Callable[[int], Mapping[str, str]]) -> None:
        self._seed = seed
        self._account = account
        self._group_row = group_row
        self.accrued: Callable[[int, int, str, int], int] | None = None
        self.load({}, {})

    def load(self, saved: Mapping[str, Any], counts: Mapping[int, int]) -> None:
        """Restore the state of `save`; if it is empty, give each group as many clients as `counts` says."""
        self.next_id: int = saved.get("next_id", 1)
        self.blocks: tuple[Block, ...] = tuple(Block(*block) for block in saved.get("blocks", ()))
        self.changes: dict[int, Change] = {}
        self._replaced: dict[int, Change | Literal["born"]] = {}
        self._changed_in: dict[int, set[int]] = {}
        self._by_phone: dict[str, int] = {}
        self._live: dict[int, int] = {}
        for block in self.blocks:
            self._count(block.group, block.live)
        for client_id, change in saved.get("changes", {}).items():
            self._change(int(client_id), change)
        if not saved:
            for group_id, count in counts.items():
                self.resize(group_id, count)
        self.take_replaced()

    def save(self) -> dict[str, Any]:
        """Return the state that `load` restores, ready for JSON."""
        blocks = [(block.first, block.size, block.group, block.fate) for block in self.blocks]
        return {"next_id": self.next_id, "blocks": blocks, "changes": self.changes}

    def take_replaced(self) -> dict[int, Change | Literal["born"]]:
        """Return the changes replaced since the last call; "born" stands for a client as the seed has it."""
        replaced, self._replaced = self._replaced, {}
        return replaced

    # --- Reading -----------------------------------------------------------------------------------------

    def live(self, group_id: int) -> int:
        """Return the number of clients of a group, without deleted ones."""
        return self._live.get(group_id, 0)

    def ids(self, group_id: int | None = None) -> Iterator[int]:
        """Yield the ids of a group's clients, or of all, in ascending order, with the deleted ones."""
        changed = self.changes if group_id is None else self._changed_in.get(group_id, ())
        extra = sorted(client_id for client_id in changed if self.changes[client_id] is not None)
        place = 0
        for block in self.blocks:
            if block.fate == "gone" or group_id not in (None, block.group):
                continue
            for client_id in range(block.first, block.first + block.size):
                while place < len(extra) and extra[place] < client_id:
                    yield extra[place]
                    place += 1
                if client_id not in self.changes:
                    yield client_id
        yield from extra[place:]

    def row(self, client_id: int) -> Row | None:
        """Return a client as on the wire, or None if there is no such client."""
        change = self.changes.get(client_id, {})
        block = self._block(client_id)
        if change is None or (not change and (block is None or block.fate == "gone")):
            return None
        own: Mapping[str, str] = (
            invented_clients.person(self._seed, self._account, client_id)
            if block
            else {"client_id": str(client_id)}
        )
        born = {_GROUP: str(block.group), "delete": str(int(block.is_deleted(client_id)))} if block else {}
        row = {**own, **born, **change}
        if self.accrued and block and "bonus" not in change:
            today = datetime.now(ZONE).date().toordinal()
            more = self.accrued(client_id, block.group, row["birthday"], today)
            row["bonus"] = str(int(row["bonus"]) // 20 + more)
        group = self._group_row(int(row[_GROUP]))
        fields = ("client_groups_name", "client_groups_discount", "loyalty_type", "birthday_bonus")
        return row | {name: group.get(name, "0") for name in fields}

    def born_in(self, client_id: int) -> int:
        """Return the group into which the seed has put a client; 0 for a client who came later."""
        block = self._block(client_id)
        return block.group if block else 0

    def rows(self, group_id: int | None = None) -> Iterator[Row]:
        """Yield the rows of a group's clients, or of all, in the order of their ids."""
        for client_id in self.ids(group_id):
            row = self.row(client_id)
            if row is not None:
                yield row

    def of_phone(self, digits: str) -> Row | None:
        """Return the client with this phone number; deleted ones do not count."""
        for client_id in (self._by_phone.get(digits, 0), invented_clients.id_of_phone(digits)):
            row = self.row(client_id)
            if row and (row["phone_number"], row["delete"]) == (digits, "0"):
                return row
        return None

    # --- Changing ----------------------------------------------------------------------------------------

    def create(self, fields: Mapping[str, str]) -> int:
        """Add a client with all its fields and return the id."""
        client_id = self.next_id
        self.next_id += 1
        self._change(client_id, dict(fields))
        return client_id

    def update(self, client_id: int, fields: Mapping[str, str]) -> None:
        """Change some fields of a client, unchecked."""
        self._change(client_id, {**(self.changes.get(client_id) or {}), **fields})

    def resize(self, group_id: int, count: int) -> None:
        """Add or take away clients until a group has `count` of them, as a change past the API would."""
        missing = count - self.live(group_id)
        if missing > 0:
            size = missing + missing // _A_DELETED_ONE_AFTER
            self.blocks = (*self.blocks, Block(self.next_id, size, group_id))
            self.next_id += size
            self._count(group_id, missing)
        elif missing < 0:
            living = [row["client_id"] for row in self.rows(group_id) if row["delete"] == "0"]
            for client_id in living[missing:]:
                self._change(int(client_id), None)

    def drop(self, group_id: int, *, listed: bool) -> None:
        """Delete all clients of a group; if `listed`, they are still answered, with `delete` "1"."""
        for client_id in sorted(self._changed_in.get(group_id, ())):
            self._change(client_id, {**(self.changes[client_id] or {}), "delete": "1"} if listed else None)
        kept = list(self.blocks)
        for place, block in enumerate(kept):
            if block.group == group_id and block.fate != "gone":
                self._count(group_id, -self._untouched(block))
                kept[place] = replace(block, fate="deleted" if listed else "gone")
        self.blocks = tuple(kept)

    def delete(self, client_id: int) -> None:
        """Delete one client; it is listed with `delete` "1" from then on."""
        self.update(client_id, {"delete": "1"})

    # --- Counts and indexes ------------------------------------------------------------------------------

    def _change(self, client_id: int, change: Row | None) -> None:
        """Replace the change of a client, and update the counts and the indexes."""
        before = self.row(client_id)
        if before is not None:
            # Copy the flag: the fate of the block no longer applies to a client with changes of its own.
            change = change and {"delete": before["delete"], **change}
            self._count(int(before[_GROUP]), -(before["delete"] == "0"))
            self._changed_in.get(int(before[_GROUP]), set()).discard(client_id)
        self._replaced.setdefault(client_id, self.changes.get(client_id, "born"))
        self.changes[client_id] = change
        after = self.row(client_id)
        if after is not None:
            self._count(int(after[_GROUP]), after["delete"] == "0")
            self._changed_in.setdefault(int(after[_GROUP]), set()).add(client_id)
            self._by_phone[after["phone_number"]] = client_id

    def _count(self, group_id: int, more: int) -> None:
        self._live[group_id] = self._live.get(group_id, 0) + more

    def _block(self, client_id: int) -> Block | None:
        low, high = 0, len(self.blocks)
        while low < high:
            middle = (low + high) // 2
            if self.blocks[middle].first + self.blocks[middle].size <= client_id:
                low = middle + 1
            else:
                high = middle
        return self.blocks[low] if low < len(self.blocks) and client_id in self.blocks[low] else None

    def _untouched(self, block: Block) -> int:
        touched = sum(not block.is_deleted(each) for each in self.changes if each in block)
        return block.live - (0 if block.fate else touched)


def page[T](rows: Iterable[T], num: int | None, offset: int) -> list[T]:
    """Return `num` rows from `offset` on, or all rows without a `num`."""
    return list(rows) if num is None else list(islice(rows, offset, offset + num))


def newcomer(group_id: int) -> Row:
    """Return the fields of a new client that has a group and nothing else."""
    texts = ("lastname", "firstname", "patronymic", "phone", "phone_number", "email", "card_number")
    zeros = ("country", "city", "address", "client_sex", "discount_per", "bonus", "total_payed_sum")
    return {
        **dict.fromkeys((*texts, "comment"), ""),
        **dict.fromkeys((*zeros, "ewallet", "delete"), "0"),
        "birthday": "0000-00-00",
        "date_activale": "0000-00-00 00:00:00",
        _GROUP: str(group_id),
    }
