"""Find the promotions and the loyalty rules that depend on a group."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.utils import timezone

from groups.features.insights.services.ladder import Ladder
from groups.models import PosterCredentials
from groups.poster import LoyaltyRule, PosterClient, PosterError, Promotion
from groups.services.cache import cache_key, cached, keep_cached
from groups.services.gateway import begin_call
from groups.services.groups import list_groups


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


def begin_dependents(
    credentials: PosterCredentials, group_id: int, *, fresh: bool = False, within: float | None = None
) -> Callable[[], Dependents]:
    """Begin to read the dependents of a group, and return the function that waits for them.

    They may be POSTER_CACHE_SECONDS old unless `fresh` is set. The two lists are read side by side, each
    `within` so many seconds, by default in half of those that a read may last. A `PosterError` is returned,
    not raised, because it must not prevent a change of the group.
    """
    begun = begin_promotions(credentials, fresh=fresh, within=within)
    begun_rules = begin_rules(credentials, fresh=fresh, within=within)

    def take() -> Dependents:
        promotions, rules = begun(), begun_rules()
        mine = tuple(each for each in promotions.found if group_id in each.group_ids)
        ladder = Ladder(rules.found, ())
        with suppress(PosterError):  # without the groups, the steps of the ladder have no names
            if ladder.into(group_id):
                groups = list_groups(credentials)
                ladder = Ladder(rules.found, groups.groups, groups.unreadable)
        of_group = (*ladder.into(group_id), *ladder.out_of(group_id))
        return Dependents(replace(promotions, found=mine), replace(rules, found=of_group), ladder)

    return take


def dependents_of(credentials: PosterCredentials, group_id: int) -> Dependents:
    """Return the dependents of a group as they are now."""
    return begin_dependents(credentials, group_id, fresh=True)()


def begin_promotions(
    credentials: PosterCredentials, *, fresh: bool = False, within: float | None = None
) -> Callable[[], Listed[Promotion]]:
    """Begin to read all promotions of the account."""
    return _begin(credentials, "promotions", PosterClient.get_promotions, fresh=fresh, within=within)


def begin_rules(
    credentials: PosterCredentials, *, fresh: bool = False, within: float | None = None
) -> Callable[[], Listed[LoyaltyRule]]:
    """Begin to read all loyalty rules of the account."""
    return _begin(credentials, "rules", PosterClient.get_loyalty_rules, fresh=fresh, within=within)


def _begin(
    credentials: PosterCredentials,
    what: str,
    ask: Callable[..., Any],
    *,
    fresh: bool,
    within: float | None,
) -> Callable[[], Listed[Any]]:
    """Take a list from the cache, or begin to read it in half of the time of a read.

    `what` is the name of the list in the answer and in the cache, where it outlives our writes: none of them
    changes a promotion or a rule. The function that is returned waits for it, or returns its error.
    With `fresh` an empty list is asked for once more, which may take as long again: something is decided by
    it, and one may be untrue once.
    """
    key = cache_key(credentials, what, of_groups=False)
    known = None if fresh or credentials.refused_at else cached(key)
    if known is not None:
        return lambda: known[0]
    seconds = within or settings.POSTER_READ_DEADLINE / 2

    def read(poster: PosterClient) -> Any:
        answer = ask(poster, within=seconds)
        if fresh and not (getattr(answer, what) or answer.unreadable):
            answer = ask(poster, within=seconds)
        return answer

    try:
        take_answer = begin_call(credentials, read)
    except PosterError as error:
        failed: Listed[Any] = Listed(failure=error)
        return lambda: failed

    def take() -> Listed[Any]:
        try:
            answer = take_answer()
        except PosterError as error:
            return Listed(failure=error)
        found: Listed[Any] = Listed(getattr(answer, what), len(answer.unreadable))
        keep_cached(key, found, timezone.now())
        return found

    return take
