"""Calculate the percents or birthday bonuses of many groups at once: `+ 2`, `× 1.1`."""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from groups.forms.bulk import LineForm
from groups.forms.fields import LARGEST_BONUS, DecimalField
from groups.poster import Group, GroupValues
from groups.poster.fields import plain

CENT = Decimal("0.01")


class CalculationForm(forms.Form):
    """One calculation for many groups."""

    what = forms.ChoiceField(
        label=_("Value"), choices=[("percent", _("Percent")), ("birthday_bonus", _("Birthday bonus"))]
    )
    how = forms.ChoiceField(
        label=_("Calculation"),
        choices=[
            ("add", _("+ more by")),
            ("subtract", _("− less by")),
            ("multiply", _("× times")),
            ("set", _("= exactly")),
        ],
    )
    amount = DecimalField(
        label=_("Number"),
        maximum=LARGEST_BONUS,
        range_message=_("The number must be between 0 and 1,000,000."),
        error_messages={"required": _("Enter a number, for example 12.5 or 12,5.")},
    )

    def calculate(self, groups: Iterable[Group], typed: Mapping[int, GroupValues]) -> dict[int, GroupValues]:
        """Return the new values of the groups, starting from those that were typed.

        One value out of range stops the whole calculation, and is an error of the amount. A discount group
        has no birthday bonus to calculate.
        """
        line = LineForm()
        name = self.cleaned_data["what"]
        found: dict[int, GroupValues] = {}
        for group in groups:
            if name == "birthday_bonus" and not group.is_bonus:
                continue
            values = typed.get(group.id, group.values)
            numbers = {"percent": values.percent, "birthday_bonus": values.birthday_bonus}
            numbers[name] = self._calculated(numbers[name])
            if not line.check({key: plain(number) for key, number in numbers.items()}, group):
                self._refuse(group, line)
                return {}
            found[group.id] = line.intended
        return found

    def _calculated(self, value: Decimal) -> Decimal:
        amount: Decimal = self.cleaned_data["amount"]
        results = {
            "add": value + amount,
            "subtract": value - amount,
            "multiply": value * amount,
            "set": amount,
        }
        return results[self.cleaned_data["how"]].quantize(CENT, ROUND_HALF_UP)

    def _refuse(self, group: Group, line: LineForm) -> None:
        reasons = " ".join(str(message) for messages in line.errors.values() for message in messages)
        text = _("Nothing was calculated, because of “%(name)s”: %(reasons)s")
        self.add_error("amount", ValidationError(text, params={"name": group.name, "reasons": reasons}))
