"""Form for the question what a percent costs."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from groups.features.insights.services.sales import MONTH, PERIODS
from groups.forms.fields import BonusField, PercentField
from groups.forms.groups import TYPES
from groups.poster import Group, GroupValues, LoyaltyType


def periods() -> list[tuple[str, str]]:
    """Return the periods and their words. A lazy text would keep the language in which it got its number."""
    return [(str(days), ngettext("the last %d day", "the last %d days", days) % days) for days in PERIODS]


class CostForm(forms.Form):
    """New values of a group, and the days to add up. Missing values are the group's own, and 30 days."""

    percent = PercentField(label=_("New percent"), required=False)
    days = forms.TypedChoiceField(label=_("Sales of"), choices=periods, coerce=int)
    loyalty_type = forms.TypedChoiceField(choices=TYPES, coerce=int, required=False)
    birthday_bonus = BonusField()

    def __init__(self, data: Any, *, group: Group) -> None:
        # Unknown values in an address are ignored, but a percent is typed: a wrong one is said.
        days = data.get("days") if data.get("days") in map(str, PERIODS) else str(MONTH)
        percent = data.get("percent") or self.base_fields["percent"].prepare_value(group.percent)
        super().__init__({**data.dict(), "days": days, "percent": percent})
        self.group = group

    def clean_percent(self) -> Decimal:
        """Return the typed percent; the group's own for a blank."""
        typed: Decimal | None = self.cleaned_data["percent"]
        return self.group.percent if typed is None else typed

    def values(self) -> GroupValues:
        """Return the group's values with those that were asked about."""
        data = self.cleaned_data
        loyalty_type = data.get("loyalty_type") or self.group.loyalty_type
        bonus = data.get("birthday_bonus")
        if bonus is None or loyalty_type == LoyaltyType.DISCOUNT:
            bonus = self.group.birthday_bonus
        return self.group.values.replace(
            loyalty_type=loyalty_type, percent=data["percent"], birthday_bonus=bonus
        )

    @property
    def percent_error(self) -> str:
        """The reason why the percent cannot be read, or an empty text: all other values have a default."""
        return " ".join(map(str, self.errors.get("percent", ())))
