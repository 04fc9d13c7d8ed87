"""The clients of an account of the sandbox: a few numbers for those that the seed gives, and what changed.

Clients come in blocks of consecutive ids, born into a group; one of them is a row only while somebody asks
for it. What happened to a client since is kept as the fields that are other than the seed's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from poster_admin.devtools.sandbox import invented_clients
from poster_admin.devtools.sandbox.seed_data import Row

_GROUP = "client_groups_id"
# In each block so many are there for one more that was deleted one by one and is still listed.
_A_DELETED_ONE_AFTER = 40
_BLOCK = _A_DELETED_ONE_AFTER + 1

type Fate = Literal["", "deleted", "gone"]
# The fields of a client that are other than the seed's; None where the client is gone.
type Change = Row | None


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive ids of clients that were born into a group.

    `fate` is what became of those of them that have no changes of their own.
    """

    first: int
    size: int
    group: int
    fate: Fate = ""

    def __contains__(self, client_id: int) -> bool:
        return self.first <= client_id < self.first + self.size

    def is_deleted(self, client_id: int) -> bool:
        """Say whether a client is listed as a deleted one."""
        return self.fate == "deleted" or (client_id - self.first) % _BLOCK == _A_DELETED_ONE_AFTER

    @property
    def live(self) -> int:
        """How many clients there are without changes."""
        return 0 if self.fate else self.size - self.size // _BLOCK


class Clients:
    """The clients of one account. The account's own lock guards them."""

    def __init__(self, seed: int, account: str, group_row: Callable[[int], Mapping[str, str]]) -> None:
        self._seed = seed
        self._account = account
        self._group_row = group_row
        self.load({}, {})

    def load(self, saved: Mapping[str, Any], counts: Mapping[int, int]) -> None:
        """Take what `save` returned, or else give each group so many clients."""
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
        """Return all that is to be remembered."""
        blocks = [(block.first, block.size, block.group, block.fate) for block in self.blocks]
        return {"next_id": self.next_id, "blocks": blocks, "changes": self.changes}

    def take_replaced(self) -> dict[int, Change | Literal["born"]]:
        """Return what was replaced since the last time; "born" stands for a client as the seed has it."""
        replaced, self._replaced = self._replaced, {}
        return replaced

    # --- Looking -------------------------------------------------------------------------------------------

    def live(self, group_id: int) -> int:
        """Return how many clients a group has, without deleted ones."""
        return self._live.get(group_id, 0)

    def ids(self, group_id: int | None = None) -> Iterator[int]:
        """Yield the ids of a group's clients, or all, in their order, deleted ones among them."""
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
        """Return a client as on the wire; None where there is none."""
        change = self.changes.get(client_id, {})
        block = self._block(client_id)
        if change is None or (not change and (block is None or block.fate == "gone")):
            return None
        own = (
            invented_clients.person(self._seed, self._account, client_id)
            if block
            else {"client_id": str(client_id)}
        )
        born = {_GROUP: str(block.group), "delete": str(int(block.is_deleted(client_id)))} if block else {}
        row = own | born | change
        group = self._group_row(int(row[_GROUP]))
        told = ("client_groups_name", "client_groups_discount", "loyalty_type", "birthday_bonus")
        return row | {name: group.get(name, "0") for name in told}

    def rows(self, group_id: int | None = None) -> Iterator[Row]:
        """Yield the rows of a group's clients, or of all, in the order of their ids."""
        for client_id in self.ids(group_id):
            row = self.row(client_id)
            if row is not None:
                yield row

    def of_phone(self, digits: str) -> Row | None:
        """Return the client, not a deleted one, that has this phone number."""
        for client_id in (self._by_phone.get(digits, 0), invented_clients.id_of_phone(digits)):
            row = self.row(client_id)
            if row and (row["phone_number"], row["delete"]) == (digits, "0"):
                return row
        return None

    # --- Changing ------------------------------------------------------------------------------------------

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
        """Give a group so many clients, as somebody who works past the API does: new ones, or fewer."""
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
        """Delete all clients of a group; `listed` ones are still answered, with `delete` "1"."""
        for client_id in sorted(self._changed_in.get(group_id, ())):
            self._change(client_id, {**(self.changes[client_id] or {}), "delete": "1"} if listed else None)
        kept = list(self.blocks)
        for place, block in enumerate(kept):
            if block.group == group_id and block.fate != "gone":
                self._count(group_id, -self._untouched(block))
                kept[place] = replace(block, fate="deleted" if listed else "gone")
        self.blocks = tuple(kept)

    def delete(self, client_id: int) -> None:
        """Delete one client, who is listed with `delete` "1" from then on."""
        self.update(client_id, {"delete": "1"})

    # --- What the others stand on --------------------------------------------------------------------------

    def _change(self, client_id: int, change: Row | None) -> None:
        """Replace what is kept of a client, and keep the counts and the indexes right."""
        before = self.row(client_id)
        if before is not None:
            # Its own from now on: what becomes of the block is no more its fate.
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
    """Return so many from a place on; all of them where no number is told."""
    return list(rows) if num is None else list(islice(rows, offset, offset + num))


def newcomer(group_id: int) -> Row:
    """Return the fields of a client of whom nothing is known but the group."""
    texts = ("lastname", "firstname", "patronymic", "phone", "phone_number", "email", "card_number")
    zeros = ("country", "city", "address", "client_sex", "discount_per", "bonus", "total_payed_sum")
    return {
        **dict.fromkeys((*texts, "comment"), ""),
        **dict.fromkeys((*zeros, "ewallet", "delete"), "0"),
        "birthday": "0000-00-00",
        "date_activale": "0000-00-00 00:00:00",
        _GROUP: str(group_id),
    }
