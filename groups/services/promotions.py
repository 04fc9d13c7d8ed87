"""What depends on a group that is to be retired."""

from dataclasses import dataclass

from groups.models import PosterCredentials
from groups.poster import PosterError, Promotion
from groups.services.gateway import call_poster


@dataclass(frozen=True, slots=True)
class Dependents:
    """The promotions that are for a group; `failure` is why that could not be read, or not all of it."""

    promotions: tuple[Promotion, ...] = ()
    unreadable: int = 0
    failure: PosterError | None = None


def dependents_of(credentials: PosterCredentials, group_id: int) -> Dependents:
    """Ask Poster which promotions are for a group. Whatever it answers, the group can still be retired."""
    try:
        found = call_poster(credentials, lambda poster: poster.get_promotions())
    except PosterError as error:
        return Dependents(failure=error)
    mine = tuple(each for each in found.promotions if group_id in each.group_ids)
    return Dependents(mine, len(found.unreadable))
