"""Points of a live Poster that are not known, with their values: the sandbox plays each of them.

The names and values are those of the facts that the connection check finds (`groups.services.facts`).
"""

import re
from collections.abc import Mapping
from typing import Any

REFUSED = 54
"""The code that answers a method of a right that is `refused`."""

_RIGHTS = ("yes", "refused")
_NUMBER, _MS = "[1-9][0-9]{0,4}", "[0-9]{1,5}"

POINTS: Mapping[str, tuple[str, ...] | str] = {
    "right.groups": _RIGHTS,
    "right.clients": _RIGHTS,
    "right.statistics": _RIGHTS,
    "right.promotions": _RIGHTS,
    "right.settings": _RIGHTS,
    "groups.count": ("present", "all", "other"),
    "groups.removed": ("absent", "listed"),
    "clients.pages": ("hold", "ignored", "cut"),
    "clients.filter": ("holds", "ignored"),
    "receipts.order": ("ascending", "descending", "mixed"),
    "receipts.page": _NUMBER,
    "receipts.cursor": ("after", "before", "ignored"),
    "receipts.days": ("hold", "lost"),
    "receipts.closing": "[01][0-9]:[0-5][0-9]|2[0-3]:[0-5][0-9]",
    "receipts.paid": ("parts", "with-bonuses"),
    "receipts.bonus": ("percent", "money"),
    "receipts.history": "[a-z]+(?:,[a-z]+)*",
    "sales.size": ("whole", "cut"),
    "sales.paid_unit": ("kopecks", "hryvnia"),
    "clients.paid_unit": ("kopecks", "hryvnia"),
    "rules.unit": ("hryvnia", "kopecks"),
    "clock.zone": ("same", "other"),
    "clock.skew": "-?[0-9]{1,6}",
    "speed": _MS,
    "birthday_bonus.unit": ("hryvnia", "kopecks"),
    "percent.fraction": ("kept", "rounded", "refused"),
    "names.text": ("encoded", "kept", "changed"),
    "names.twice": ("allowed", "refused"),
    "groups.removal": ("gone", "listed"),
    "write.lag": _MS,
}
"""Each point with its values, or the pattern of one that is a number or a text.

`groups.count`: the counter has half of the clients where it is `other`. `groups.removed`: a group that was
removed long ago is in the list; `groups.removal`: one that is removed now stays in it, with its clients.
`clients.pages`: `num` and `offset` are ignored, or no list has more than a part of its clients, in whichever
page; `sales.size` cuts the list of sales in the same way. `receipts.cursor`: `next_tr` shows greater numbers,
ascending, smaller ones, descending, or nothing but the first page; where the days are `lost`, it shows those
of all days there. `receipts.closing` is the end of the business day, and `receipts.history` the kinds of
events that a history has besides `close`. `clock.zone`: days are those of another place. `names.text`: an
answer has HTML entities, or not, or what looks like a tag is taken out as it is stored.
"""

OWN: Mapping[str, str] = {
    **{name: values[0] for name, values in POINTS.items() if isinstance(values, tuple)},
    "receipts.page": "100",
    "receipts.closing": "00:00",
    "receipts.history": "additem,open,print,setclient",
    "clock.skew": "0",
    "speed": "0",
    "write.lag": "0",
}
"""The values of a sandbox that nobody disturbs, except where the profile of an account has others."""


class Disputes:
    """The values of all points in one account. `refusal` is a code that answers the section statistics."""

    def __init__(self, own: Mapping[str, str] | None = None) -> None:
        self._values = {**OWN, **(own or {})}
        self.refusal: int | None = None

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def number(self, name: str) -> int:
        return int(self._values[name])

    def let(self, points: Mapping[str, Any]) -> None:
        """Let these points be so, all or none. Raises `ValueError` with a line that says what is possible."""
        for name, value in points.items():
            if name not in POINTS:
                raise ValueError(f"{name} is no point: {', '.join(POINTS)}")
            known = POINTS[name]
            if not (str(value) in known if isinstance(known, tuple) else re.fullmatch(known, str(value))):
                shape = " or ".join(known) if isinstance(known, tuple) else f"like {OWN[name]}"
                raise ValueError(f"{name} is {shape}, not {value}")
        self._values |= {name: str(value) for name, value in points.items()}


def in_hryvnia(kopecks: str) -> str:
    return f"{int(kopecks) / 100:.2f}"


def cut[T](rows: list[T]) -> list[T]:
    """Return what a list shows where it is cut: half of its rows, and at most 100."""
    return rows[: min(100, (len(rows) + 1) // 2)]


def points_of(texts: list[str]) -> dict[str, str]:
    """Return the points in texts like `receipts.order=descending`. Raises `ValueError`."""
    points = {}
    for text in texts:
        name, is_pair, value = text.partition("=")
        if not is_pair:
            raise ValueError(f"{text} is not NAME=VALUE")
        points[name.strip()] = value.strip()
    Disputes().let(points)
    return points
