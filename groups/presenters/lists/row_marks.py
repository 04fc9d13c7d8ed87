"""Let features mark rows of the list of groups."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from groups.models import PosterCredentials
from groups.services.groups import Groups


class RowMark(NamedTuple):
    """A mark below the name of a group: an icon and words."""

    icon: str
    words: str


type Marks = Mapping[int, tuple[RowMark, ...]]
"""The marks of groups by their ids; most have none."""

type FindMarks = Callable[[PosterCredentials, Groups, Collection[int]], Mapping[int, RowMark]]
"""Takes the credentials, the list, and the ids of its groups with an open change.

Returns marks by the ids of the groups, with one query for all of them.
"""

mark_finders: list[FindMarks] = []


def marks_of(credentials: PosterCredentials, groups: Groups, locked_ids: Collection[int]) -> Marks:
    """Return the marks of the groups."""
    marks: dict[int, tuple[RowMark, ...]] = {}
    for find in mark_finders:
        for group_id, mark in find(credentials, groups, locked_ids).items():
            marks[group_id] = (*marks.get(group_id, ()), mark)
    return marks
