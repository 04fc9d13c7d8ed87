"""Warn in forms: about changes that need confirmation, and about what will happen to a group anyway."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from django.utils.translation import gettext as _

from groups.models import PosterCredentials
from groups.poster import GroupValues
from groups.services.groups import Groups
from groups.services.values import clients_words, money_words, percent_words, type_label

PERCENT_LEAP = Decimal(10)
BONUS_FACTOR = 10
LARGE_BONUS = Decimal(10_000)


def warnings_for(
    old: GroupValues | None, new: GroupValues, namesakes: Sequence[tuple[int, int]] = ()
) -> list[str]:
    """Return the warnings about a change, as sentences; `old` is None for a creation.

    `namesakes` are the ids, and the numbers of clients, of other groups that already have the new name.
    """
    risks = []
    if namesakes:
        # Translators: a group by its number, and its clients: "no. 1, 125 clients"
        words = _("no. %(id)s, %(clients)s")
        known = "; ".join(words % {"id": pk, "clients": clients_words(count)} for pk, count in namesakes)
        if old is None:
            text = _("A group with this name exists already: %(groups)s. Create a second one?")
        else:
            text = _("Another group has this name already: %(groups)s. Give this one the same name?")
        risks.append(text % {"groups": known})
    if old and new.percent - old.percent > PERCENT_LEAP:
        risks.append(
            _("The percent rises from %(old)s to %(new)s.")
            % {"old": percent_words(old.percent), "new": percent_words(new.percent)}
        )
    if old and new.loyalty_type != old.loyalty_type:
        risks.append(
            _("The type changes from “%(old)s” to “%(new)s”: clients will get something else.")
            % {"old": type_label(old.loyalty_type), "new": type_label(new.loyalty_type)}
        )
    if old and old.birthday_bonus and new.birthday_bonus >= old.birthday_bonus * BONUS_FACTOR:
        risks.append(
            _("The birthday bonus becomes at least ten times higher: %(old)s → %(new)s.")
            % {"old": money_words(old.birthday_bonus), "new": money_words(new.birthday_bonus)}
        )
    elif new.birthday_bonus > LARGE_BONUS and (old is None or old.birthday_bonus != new.birthday_bonus):
        risks.append(
            _("The birthday bonus is very large: %(new)s.") % {"new": money_words(new.birthday_bonus)}
        )
    return risks


type FindWarnings = Callable[[PosterCredentials, Groups | None], Mapping[int, str]]
"""Takes the credentials of the user, and the groups if the form has read them; returns words by group ids.

Without anything to warn about it asks Poster for nothing, and the database once.
"""

warning_finders: list[FindWarnings] = []


def group_warnings(credentials: PosterCredentials, groups: Groups | None = None) -> dict[int, list[str]]:
    """Return what features warn of in forms that edit many groups, by the ids of the groups."""
    found: dict[int, list[str]] = {}
    for find_warnings in warning_finders:
        for group_id, words in find_warnings(credentials, groups).items():
            found.setdefault(group_id, []).append(words)
    return found
