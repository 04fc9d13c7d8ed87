"""The list of groups out of an answer's bytes, without doing the same work twice.

A list whose bytes are known, by their digest, is not read again. In any other one each row that is known,
byte for byte, is not read again. Both are always right, since nothing but the bytes decides.
"""

import hashlib
import threading
from collections import OrderedDict

from groups.poster.answers import interpret, parse
from groups.poster.errors import BadAnswer, PosterError
from groups.poster.records import Group, GroupList, UnreadableRow, read_row
from groups.poster.transport import Answer, Failure

_KEPT_GROUPS = 40_000
_KEPT_ROWS = 20_000
_START, _BETWEEN, _END = b'{"response":[{', b"},{", b"}]}"


class _Lists:
    """The lists read last, by the digest of their bytes, up to a number of groups in all."""

    def __init__(self) -> None:
        self._lists: OrderedDict[str, GroupList] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, digest: str) -> GroupList | None:
        with self._lock:
            known = self._lists.get(digest)
            if known is not None:
                self._lists.move_to_end(digest)
            return known

    def put(self, groups: GroupList) -> None:
        with self._lock:
            if groups.digest not in self._lists:
                self._size += len(groups.groups) + 1
            self._lists[groups.digest] = groups
            while self._size > _KEPT_GROUPS:
                self._size -= len(self._lists.popitem(last=False)[1].groups) + 1


_lists = _Lists()
_rows: dict[bytes, Group | UnreadableRow] = {}


def interpret_list(answer: Answer | Failure, method: str) -> GroupList | PosterError:
    """Return the groups of an answer, or the error that it means."""
    if not isinstance(answer, Answer) or answer.status != 200:
        return _whole(answer, method, "")
    # Of all digests the one that processors have an instruction for.
    digest = hashlib.sha256(answer.body).hexdigest()
    known = _lists.get(digest)
    if known is not None:
        return known
    rows = _by_row(answer.body)
    groups = GroupList.from_rows(rows, digest) if rows else _whole(answer, method, digest)
    if isinstance(groups, GroupList):
        _lists.put(groups)
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
