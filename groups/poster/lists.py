"""The list of groups out of an answer's bytes, without doing the same work twice.

A list whose bytes are known is not read again. In any other one each row that is known,
byte for byte, is not read again. Both are always right, since nothing but the bytes decides.
"""

import hashlib
import threading
from collections import OrderedDict

from groups.poster.answers import interpret, parse
from groups.poster.errors import BadAnswer, PosterError
from groups.poster.records import Group, GroupList, UnreadableRow, read_row
from groups.poster.transport import Answer, Failure

_KEPT_GROUPS = _KEPT_ROWS = 20_000
_START, _BETWEEN, _END = b'{"response":[{', b"},{", b"}]}"
# One byte of so many, to find the list that may be the same: a digest takes longer than to compare them all.
_SAMPLED = 61


class _Lists:
    """The lists read last, with the bytes of each, up to a number of groups in all."""

    def __init__(self) -> None:
        self._lists: OrderedDict[bytes, tuple[bytes, GroupList]] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, body: bytes) -> GroupList | None:
        sample = body[::_SAMPLED]
        with self._lock:
            known, groups = self._lists.get(sample, (b"", None))
            if groups is not None:
                self._lists.move_to_end(sample)
        return groups if body == known else None

    def put(self, body: bytes, groups: GroupList) -> None:
        sample = body[::_SAMPLED]
        with self._lock:
            self._drop(self._lists.pop(sample, None))
            self._lists[sample] = body, groups
            self._size += _weight(groups)
            while self._size > _KEPT_GROUPS:
                self._drop(self._lists.popitem(last=False)[1])

    def _drop(self, known: tuple[bytes, GroupList] | None) -> None:
        if known is not None:
            self._size -= _weight(known[1])


def _weight(groups: GroupList) -> int:
    return len(groups.groups) + len(groups.unreadable) + 1


_lists = _Lists()
_rows: dict[bytes, Group | UnreadableRow] = {}


def interpret_list(answer: Answer | Failure, method: str) -> GroupList | PosterError:
    """Return the groups of an answer, or the error that it means."""
    if not isinstance(answer, Answer) or answer.status != 200:
        return _whole(answer, method, "")
    known = _lists.get(answer.body)
    if known is not None:
        return known
    # Of all digests the one that processors have an instruction for.
    digest = hashlib.sha256(answer.body).hexdigest()
    rows = _by_row(answer.body)
    groups = GroupList.from_rows(rows, digest) if rows else _whole(answer, method, digest)
    if isinstance(groups, GroupList):
        _lists.put(answer.body, groups)
    return groups


def _whole(answer: Answer | Failure, method: str, digest: str) -> GroupList | PosterError:
    rows = interpret(answer, method)
    if isinstance(rows, PosterError):
        return rows
    if not isinstance(rows, list):
        return BadAnswer("the list is not a list", method=method, reason="shape")
    return GroupList.from_wire(rows, digest)


def _by_row(body: bytes) -> list[Group | UnreadableRow] | None:
    """Read the rows one by one; return None where the body is not simply rows, one behind the other.

    A cut inside a text or a nested value leaves a part that is no JSON, so a wrong cut never goes unnoticed.
    """
    if not body.startswith(_START) or not body.endswith(_END):
        return None
    parts = body[len(_START) : -len(_END)].split(_BETWEEN)
    rows = list(map(_rows.get, parts))
    if not all(rows):
        for number, part in enumerate(parts):
            if rows[number] is None:
                data = parse(b"{" + part + b"}")
                if not isinstance(data, dict):
                    return None
                if len(_rows) >= _KEPT_ROWS:
                    _rows.clear()
                rows[number] = _rows[part] = read_row(data)
    return rows  # type: ignore[return-value]  # no None is left
