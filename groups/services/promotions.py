"""Find the promotions that depend on a group."""

from dataclasses import dataclass

from groups.models import PosterCredentials
from groups.poster import PosterError, Promotion
from groups.services.gateway import call_poster


@dataclass(frozen=True, slots=True)
class Dependents:
    """The promotions for a group; `failure` is the error if they could not be read.

    `unreadable` counts the promotions that may also be for the group but could not be read.
    """

    promotions: tuple[Promotion, ...] = ()
    unreadable: int = 0
    failure: PosterError | None = None


def dependents_of(credentials: PosterCredentials, group_id: int) -> Dependents:
    """Return the promotions for a group.

    A `PosterError` is returned, not raised, because it must not prevent the retirement of the group.
    """
    try:
        found = call_poster(credentials, lambda poster: poster.get_promotions())
    except PosterError as error:
        return Dependents(failure=error)
    mine = tuple(each for each in found.promotions if group_id in each.group_ids)
    return Dependents(mine, len(found.unreadable))
