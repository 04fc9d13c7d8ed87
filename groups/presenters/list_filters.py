"""Read the filters of a list from its address; unknown values are ignored, defaults are left out."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from groups.poster import Group
from groups.presenters.alphabet import alphabetical
from groups.presenters.group_sales import KEYS


def asked_text(params: Mapping[str, str]) -> str:
    """Return the search text, without characters that a name cannot have."""
    return " ".join(params.get("q", "").replace("\0", "").split())[:100]


def asked_sort(params: Mapping[str, str], known: Container[str]) -> str:
    """Return the column to sort by, with a dash for descending order; an empty string for an unknown one."""
    sort = params.get("sort", "")
    return sort if sort.removeprefix("-") in known and not sort.startswith("--") else ""


@dataclass(frozen=True, slots=True)
class Filters:
    """Filters in the address of a list. Unknown values are ignored; defaults are left out."""

    q: str = ""
    type: str = ""
    sort: str = ""
    page: int = 1
    columns: str = ""

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> "Filters":
        page = params.get("page", "")
        columns = "sales" if params.get("columns") == "sales" else ""
        return cls(
            q=asked_text(params),
            type=params["type"] if params.get("type") in ("1", "2") else "",
            sort=asked_sort(params, (*SORTS, *KEYS) if columns else SORTS),
            page=int(page) if page.isascii() and page.isdecimal() and len(page) < 7 and int(page) else 1,
            columns=columns,
        )

    @property
    def narrow(self) -> bool:
        """Return True if the filters leave groups out."""
        return bool(self.q or self.type)

    def query(self, **changes: Any) -> str:
        """Return the query string with these changes, with its question mark; empty for the plain list.

        A changed filter starts at page 1.
        """
        own = {"q": self.q, "type": self.type, "columns": self.columns, "sort": self.sort}
        values = {**own, "page": 1} | changes
        kept = {key: value for key, value in values.items() if value and (key, value) != ("page", 1)}
        return f"?{urlencode(kept)}" if kept else ""


SORTS: dict[str, Callable[[Group], Any]] = {
    "name": lambda group: alphabetical(group.name),
    "type": lambda group: group.loyalty_type,
    "percent": lambda group: group.percent,
    "birthday_bonus": lambda group: group.birthday_bonus,
    "clients": lambda group: group.clients,
}
