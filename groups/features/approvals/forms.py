"""Forms for the limits of an account, for a reason to go beyond them, and for the refusal of a request."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from groups.features.approvals.models import Limits
from groups.forms.fields import BonusField, DecimalField, PercentField
from groups.models.submissions import LONGEST_REASON

MOST_CLIENTS = Decimal(2**31 - 1)
NO_WHOLE_NUMBER = _("Enter a whole number of clients.")


class LimitsForm(forms.Form):
    """The limits of an account; an empty field is no limit.

    `opened` has what the fields were opened with, so that only what was typed is set.
    """

    opened: dict[str, Decimal | None]

    max_percent = PercentField(label=Limits.Limit.MAX_PERCENT.label, required=False)
    max_rise = DecimalField(
        label=Limits.Limit.MAX_RISE.label,
        maximum=Decimal(100),
        range_message=_("The rise must be between 0 and 100 points."),
        required=False,
        help_text=_("From 10% to 15% are 5 points. A new group rises from 0%."),
    )
    max_birthday_bonus = BonusField(label=Limits.Limit.MAX_BIRTHDAY_BONUS.label)
    max_clients = DecimalField(
        label=Limits.Limit.MAX_CLIENTS.label,
        maximum=MOST_CLIENTS,
        range_message=NO_WHOLE_NUMBER,
        required=False,
        help_text=_("A change of many groups, an import or a move counts as one change."),
    )

    def __init__(self, data: Any = None, *, limits: Limits) -> None:
        values = {limit.value: value for limit, value in limits.values.items()}
        super().__init__(data, initial=values)
        self.limits = limits
        for field in self.fields.values():
            field.show_hidden_initial = True

    def clean_max_clients(self) -> int | None:
        number: Decimal | None = self.cleaned_data["max_clients"]
        if number is None:
            return None
        if number != int(number):
            raise forms.ValidationError(NO_WHOLE_NUMBER)
        return int(number)

    def clean(self) -> None:
        self.opened = {}
        for field in self:
            said = self.data.get(field.html_initial_name)
            with suppress(forms.ValidationError):  # then it says nothing
                if said is not None:
                    self.opened[field.name] = field.field.to_python(said)

    @property
    def typed(self) -> dict[str, Decimal | int | None]:
        """All values but those that are as they were opened."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name not in self.opened or value != self.opened[name]
        }

    def on(self, limits: Limits) -> "LimitsForm":
        """Return what was typed, as if it had been opened on these limits."""
        now = {field.name: field.value() or "" for field in LimitsForm(limits=limits)}
        opened = {self[name].html_initial_name: value for name, value in now.items()}
        typed = {name: self[name].data or "" for name in self.typed}
        return LimitsForm(opened | now | typed, limits=limits)

    @property
    def theirs(self) -> list[tuple[str, str | None]]:
        return [(str(field.label), field.value()) for field in LimitsForm(limits=self.limits)]


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=LONGEST_REASON,
        error_messages={
            "required": _("Enter a reason."),
            "max_length": _("Enter a reason of at most 200 characters."),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off", "maxlength": LONGEST_REASON}),
    )


class ConsentForm(ReasonForm):
    """A reason to go beyond the limits; `reached` is the number of clients that the form has shown."""

    reached = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=0)
