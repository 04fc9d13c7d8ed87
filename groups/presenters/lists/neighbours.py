"""Show the groups before and after a group, in the order and with the filters of a list."""

from dataclasses import dataclass

from groups.poster import Group
from groups.presenters.lists.group_list import Listing
from groups.presenters.lists.list_filters import Link


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The place of a group in a list, and links to the groups before and after it that keep its filters."""

    previous: Link | None
    next: Link | None
    number: str
    count: str


def neighbours_of(listing: Listing, group_id: int) -> Neighbours | None:
    """Return the neighbours of a group, or None if the list has no such group or no other one."""
    found = listing.found_groups
    place = next((place for place, group in enumerate(found) if group.id == group_id), None)
    if place is None or len(found) == 1:
        return None

    def link(group: Group) -> Link:
        return Link(label=group.name, href=f"{listing.url}{group.id}/{listing.filters.query()}")

    return Neighbours(
        previous=link(found[place - 1]) if place else None,
        next=link(found[place + 1]) if place + 1 < len(found) else None,
        number=listing.numbers.count(place + 1),
        count=listing.numbers.count(len(found)),
    )
