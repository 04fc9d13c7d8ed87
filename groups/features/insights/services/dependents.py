"""Find the promotions and the loyalty rules that depend on a group."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from django.conf import settings
from django.utils import timezone

from groups.features.insights.services.ladder import Ladder
from groups.models import PosterCredentials
from groups.poster import LoyaltyRule, PosterClient, PosterError, Promotion
from groups.services.gateway import call_poster
from groups.services.groups import Groups, cached, keep_cached, list_groups


@dataclass(frozen=True, slots=True)
class Listed[T]:
    """The records of one of Poster's lists; `failure` is the error if it could not be read.

    `unreadable` counts the rows that could not be read.
    """

    found: tuple[T, ...] = ()
    unreadable: int = 0
    failure: PosterError | None = None

    @property
    def is_unread(self) -> bool:
        """Return True if there is no record, and it is not certain that there is none."""
        return self.failure is not None or bool(self.unreadable and not self.found)


@dataclass(frozen=True, slots=True)
class Dependents:
    """The promotions that are for a group, the rules that lead to it and on from it, and the whole ladder."""

    promotions: Listed[Promotion]
    rules: Listed[LoyaltyRule]
    ladder: Ladder


def dependents_of(
    credentials: PosterCredentials, group_id: int, *, fresh: bool = False, within: float | None = None
) -> Dependents:
    """Return the dependents of a group, which may be POSTER_CACHE_SECONDS old unless `fresh` is set.

    Each list is read `within` so many seconds, by default in half of those that a read may last. A
    `PosterError` is returned, not raised, because it must not prevent a change of the group.
    """
    promotions = list_promotions(credentials, fresh=fresh, within=within)
    mine = tuple(each for each in promotions.found if group_id in each.group_ids)
    rules = list_rules(credentials, fresh=fresh, within=within)
    groups = _groups(credentials) if rules.found else None
    ladder = Ladder(rules.found, groups.groups, groups.unreadable) if groups else Ladder(rules.found, ())
    of_group = (*ladder.into(group_id), *ladder.out_of(group_id))
    return Dependents(replace(promotions, found=mine), replace(rules, found=of_group), ladder)


def list_promotions(
    credentials: PosterCredentials, *, fresh: bool = False, within: float | None = None
) -> Listed[Promotion]:
    """Return all promotions of the account."""

    def ask(poster: PosterClient, seconds: float) -> Listed[Promotion]:
        answer = poster.get_promotions(within=seconds)
        return Listed(answer.promotions, len(answer.unreadable))

    return _listed(credentials, "promotions", ask, fresh=fresh, within=within)


def list_rules(
    credentials: PosterCredentials, *, fresh: bool = False, within: float | None = None
) -> Listed[LoyaltyRule]:
    """Return all loyalty rules of the account."""

    def ask(poster: PosterClient, seconds: float) -> Listed[LoyaltyRule]:
        answer = poster.get_loyalty_rules(within=seconds)
        return Listed(answer.rules, len(answer.unreadable))

    return _listed(credentials, "rules", ask, fresh=fresh, within=within)


def _listed[T](
    credentials: PosterCredentials,
    what: str,
    ask: Callable[[PosterClient, float], Listed[T]],
    *,
    fresh: bool,
    within: float | None,
) -> Listed[T]:
    """Return a list from the cache or from Poster, or its error; each list has half the time of a read."""
    known = None if fresh or credentials.refused_at else cached(credentials, what)
    if known is not None:
        found: Listed[T] = known[0]
        return found
    seconds = within or settings.POSTER_READ_DEADLINE / 2
    try:
        found = call_poster(credentials, lambda poster: ask(poster, seconds))
    except PosterError as error:
        return Listed(failure=error)
    keep_cached(credentials, what, found, timezone.now())
    return found


def _groups(credentials: PosterCredentials) -> Groups | None:
    """Return the groups, which name the steps of the ladder, or None if they cannot be read."""
    try:
        return list_groups(credentials)
    except PosterError:
        return None
