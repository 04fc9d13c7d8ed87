"""Fields of the criteria: sums, whole numbers, and groups."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from groups.forms.fields import DecimalField
from groups.poster import Group
from groups.poster.fields import KOPECKS
from groups.services.values import NumberFormat, terms_words

LARGEST_AMOUNT = Decimal(100_000_000)


class AmountField(DecimalField):
    """A sum in hryvnia, with or without the sign of the currency; cleans to kopecks."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            maximum=LARGEST_AMOUNT,
            range_message=_("The sum must be between 0 and 100,000,000."),
            required=False,
            **kwargs,
        )

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip()
        for sign in {"₴", NumberFormat.current().currency}:
            text = text.removesuffix(sign).removeprefix(sign).strip()
        return super().to_python(text)

    def clean(self, value: Any) -> int | None:
        amount = super().clean(value)
        return None if amount is None else int(amount * KOPECKS)

    def prepare_value(self, value: Any) -> Any:
        return super().prepare_value(Decimal(value) / KOPECKS if isinstance(value, int) else value)


class WholeField(DecimalField):
    """A whole number as people type it, between two bounds."""

    not_a_number = _("Enter a whole number.")

    def __init__(self, *, least: int = 0, most: int, range_message: Any, **kwargs: Any) -> None:
        super().__init__(maximum=Decimal(most), range_message=range_message, **kwargs)
        self.least = least
        self.widget.attrs["inputmode"] = "numeric"

    def clean(self, value: Any) -> int | None:
        number = super().clean(value)
        if number is None:
            return None
        if number != int(number):
            raise ValidationError(self.not_a_number)
        if number < self.least:
            raise ValidationError(self.range_message)
        return int(number)

    def prepare_value(self, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value


class GroupOptions:
    """The groups that fields offer: their options are written once for all fields of a page.

    Fifty rows of five thousand groups would take Django half a minute.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        self.ids = {str(group.id) for group in groups}
        choices = [("", _("Choose a group")), *((group.id, terms_words(group)) for group in groups)]
        self._html = format_html_join("", '<option value="{}">{}</option>', choices)

    def html(self, chosen: str) -> str:
        """Return the options, one of them chosen: also a group that is gone from Poster stays in sight."""
        option = f'<option value="{chosen}">'
        if chosen and chosen not in self.ids:
            if not re.fullmatch("[0-9]{1,10}", chosen, re.ASCII):
                return self._html
            words = _("group %(id)s, gone from Poster") % {"id": chosen}
            return self._html + format_html('<option value="{}" selected>{}</option>', chosen, words)
        # A quote in a name is an entity, so no name can look like an option.
        return mark_safe(self._html.replace(option, f"{option[:-1]} selected>", 1))  # noqa: S308


class GroupSelect(forms.Widget):
    """A choice among the groups of `options`."""

    options: GroupOptions
    template_name = "criteria/group_select.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        options = self.options.html(str(value or ""))
        return {**super().get_context(name, value, attrs), "options": options}


class GroupField(forms.IntegerField):
    """The choice of a group; one that is gone from Poster is refused."""

    widget: GroupSelect

    def __init__(self, **kwargs: Any) -> None:
        self.unknown = _("This group is not in Poster. Choose another one.")
        messages = {"required": _("Choose a group."), "invalid": self.unknown}
        super().__init__(widget=GroupSelect, error_messages=messages, **kwargs)

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is not None and str(value) not in self.widget.options.ids:
            raise ValidationError(self.unknown)


def offer(options: GroupOptions, field: forms.Field) -> None:
    """Let a field offer these groups."""
    if isinstance(field, GroupField):
        field.widget.options = options
