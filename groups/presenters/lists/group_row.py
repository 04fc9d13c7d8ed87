"""Define a row of the list of groups."""

from typing import NamedTuple

from groups.presenters.lists.row_marks import RowMark


class GroupRow(NamedTuple):
    """One line of the list, ready to print, in the order in which `list_table.jinja` takes it apart.

    `edit_url` is empty for a group that cannot be edited now, `bonus` where there is none. `amounts` are
    those of a column set, in place of `bonus` and `clients`. `marks` are drawn below the name.
    """

    id: int
    name: str
    url: str
    edit_url: str
    kind: str
    type: str
    percent: str
    bonus: str
    clients: str
    share: str
    locked: bool
    marks: tuple[RowMark, ...] = ()
    amounts: tuple[str, ...] = ()
