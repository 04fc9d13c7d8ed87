"""Edits that are worth a second look before they are sent."""

from decimal import Decimal

from django.utils.translation import gettext as _

from groups.poster import GroupValues
from groups.words import money_words, percent_words, type_label

PERCENT_LEAP = Decimal(10)
BONUS_FACTOR = 10
LARGE_BONUS = Decimal(10_000)


def risks_of(old: GroupValues | None, new: GroupValues) -> list[str]:
    """Return what is risky about a change, as sentences; `old` is None for a creation."""
    risks = []
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
