"""Find the clients that the lines of a list name, by phone, card or id.

All clients of the account are read once, whatever the length of the list. A call for each line would be fewer
calls only while there are fewer lines than pages of clients, and it proves little: Poster finds nobody by a
card, and nobody by a phone that is stored in another spelling.
"""

import re
import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from groups.models import PosterCredentials
from groups.poster import Client
from groups.poster.fields import whole_number
from groups.presenters.clients import phone_digits, whole_numbers
from groups.services.clients import COUNTED_AT_ONCE, SECONDS_FOR_ALL, pages_of

_gaps = re.compile(r"[\s\-–—]+")
_card = re.compile(r"(?=\w*\d)\w+")


class State(StrEnum):
    """The result for a line; `found` alone is moved."""

    FOUND = "found"
    THERE = "there"
    AMBIGUOUS = "ambiguous"
    UNKNOWN = "unknown"
    UNREADABLE = "unreadable"
    DOUBLE = "double"


@dataclass(frozen=True, slots=True, repr=False)
class Word:
    """A cell of a line, as each thing that it may be: the numbers of a phone, a card, an id."""

    phones: tuple[str, ...] = ()
    card: str = ""
    id: int | None = None

    @classmethod
    def of_phone(cls, text: str) -> "Word":
        return cls(phones=whole_numbers(phone_digits(text)))

    @classmethod
    def of_card(cls, text: str) -> "Word":
        return cls(card=card_number(text))

    @classmethod
    def of_id(cls, text: str) -> "Word":
        return cls(id=whole_number(text) or None)

    @classmethod
    def of_any(cls, text: str, *, may_be_id: bool) -> "Word":
        """Read a cell of which no header says what it is."""
        client_id = cls.of_id(text).id if may_be_id else None
        return cls(cls.of_phone(text).phones, cls.of_card(text).card, client_id)

    def __bool__(self) -> bool:
        return bool(self.phones or self.card or self.id)


def card_number(text: str) -> str:
    """Return the number of a card without its gaps, in one case; empty for a text that is none."""
    text = _gaps.sub("", text).casefold()
    return text if _card.fullmatch(text) else ""


@dataclass(frozen=True, slots=True, repr=False)
class Line:
    """A line of a list, from 1, as it was typed, and the words of its cells that may name a client."""

    number: int
    text: str
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Listed:
    """A line and its result: the `clients` that it fits, and the `first_line` that named the same one."""

    line: Line
    state: State
    clients: tuple[Client, ...] = ()
    first_line: int = 0


@dataclass(slots=True, repr=False)
class Directory:
    """The clients that words of a list fit; `unreadable` counts rows that may be more of them.

    `of_no_group` are those of them who cannot be moved: they are in no group that Poster shows.
    """

    clients: dict[int, Client] = field(default_factory=dict)
    by_phone: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    by_card: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    unreadable: int = 0
    of_no_group: set[int] = field(default_factory=set)

    def clients_of(self, word: Word) -> set[int]:
        """Return the ids of the clients that a word fits."""
        found = {word.id} & self.clients.keys() if word.id else set()
        found |= self.by_card.get(word.card, set())
        return found.union(*(self.by_phone.get(phone, ()) for phone in word.phones))


def read_directory(
    credentials: PosterCredentials, lines: Sequence[Line], group_ids: Collection[int]
) -> Directory:
    """Read all clients of the account, and return those that a line fits, without removed ones.

    A client in no group, or in one that is not among `group_ids`, cannot be moved, and counts as unreadable.
    Raises `PosterError`, among them `Unreachable` if it takes longer than SECONDS_FOR_ALL.
    """
    words = [word for line in lines for word in line.words]
    phones = {phone for word in words for phone in word.phones}
    cards = {word.card for word in words if word.card}
    ids = {word.id for word in words}
    found = Directory()
    until = time.monotonic() + SECONDS_FOR_ALL
    for page in pages_of(credentials, None, until=until, size=COUNTED_AT_ONCE) if words else ():
        found.unreadable += len(page.unreadable)
        for client in page.clients:
            fitting = phones.intersection(whole_numbers(phone_digits(client.phone)))
            card = card_number(client.card_number)
            if client.removed or not (fitting or card in cards or client.id in ids):
                continue
            if client.group_id not in group_ids:
                found.unreadable += 1
                found.of_no_group.add(client.id)
            found.clients[client.id] = client
            for phone in fitting:
                found.by_phone[phone].add(client.id)
            if card in cards:
                found.by_card[card].add(client.id)
    return found


def look_up(lines: Sequence[Line], directory: Directory, target_id: int) -> list[Listed]:
    """Return the result of each line; clients are to be moved to the group `target_id`.

    The first word of a line counts. A later one that fits another client makes the line ambiguous.
    """
    first_lines: dict[int, int] = {}
    results = []
    for line in lines:
        fits = [directory.clients_of(word) for word in line.words]
        clients = tuple(directory.clients[each] for each in sorted(set().union(*fits)))
        if not line.words:
            results.append(Listed(line, State.UNREADABLE))
        elif len(clients) > 1:
            results.append(Listed(line, State.AMBIGUOUS, clients))
        elif not fits[0] or clients[0].id in directory.of_no_group:
            results.append(Listed(line, State.UNKNOWN))
        elif (first := first_lines.setdefault(clients[0].id, line.number)) != line.number:
            results.append(Listed(line, State.DOUBLE, clients, first))
        else:
            is_there = clients[0].group_id == target_id
            results.append(Listed(line, State.THERE if is_there else State.FOUND, clients))
    return results
