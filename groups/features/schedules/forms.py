"""Form that plans a change of a group, and its times on the site's clock."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from groups.forms.fields import ONE_IS_GONE, BonusField, PercentField
from groups.forms.groups import Version, WriteForm, version_of_several
from groups.poster import Group, GroupValues, LoyaltyType

FORMAT = "%Y-%m-%dT%H:%M"


class LocalTimeField(forms.CharField):
    """A time on the site's clock: none that it leaves out, and of one that comes twice the first."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=FORMAT)
        super().__init__(widget=widget, **kwargs)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            typed = datetime.strptime(text, FORMAT)  # noqa: DTZ007 - the zone follows
            moment = typed.replace(tzinfo=timezone.get_default_timezone(), fold=0)
            shown = moment.astimezone(UTC).astimezone(moment.tzinfo)
        except (ValueError, OverflowError):
            raise ValidationError(_("Enter a day and a time, for example 2026-12-04T18:00.")) from None
        if shown.replace(tzinfo=None) != typed:
            raise ValidationError(
                _("There is no such time: the clock is put forward in that hour. Choose another one.")
            )
        return moment.astimezone(UTC)


def proposed_times(now: datetime) -> list[tuple[str | Promise, str, str]]:
    """Return times that one click fills in: label, beginning and end, or ""."""
    sunday = (now + timedelta(days=6 - now.weekday())).replace(hour=22, minute=0, second=0, microsecond=0)
    if sunday <= now:
        sunday += timedelta(days=7)
    begins = max(now, (sunday - timedelta(days=1)).replace(hour=10))
    present, begin, end = (each.strftime(FORMAT) for each in (now, begins, sunday))
    return [
        (_("Now"), present, ""),
        (_("This weekend"), begin, end),
        (_("Until Sunday 22:00"), "", end),
    ]


class TimesForm(WriteForm):
    percent = PercentField(label=_("Percent for that time"))
    starts_at = LocalTimeField(
        label=_("From"),
        error_messages={"required": _("Enter when it begins.")},
        help_text=_("A time that is past means: at once."),
    )
    ends_at = LocalTimeField(
        label=_("Until"),
        required=False,
        help_text=_("Then the present values come back. Leave it empty if they should not."),
    )

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        if data is None:  # else the summary of the errors takes the focus
            self.fields["percent"].widget.attrs["data-type-at-once"] = True

    @property
    def proposals(self) -> list[tuple[str | Promise, str, str]]:
        return proposed_times(timezone.localtime())

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        starts_at, ends_at = data.get("starts_at"), data.get("ends_at")
        if ends_at and ends_at <= timezone.now():
            self.add_error("ends_at", _("The end is past. Choose a later one."))
        elif starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", _("The end must come after the beginning."))
        return data


class SeveralForm(TimesForm):
    id = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, groups: Sequence[Group], ids: Sequence[int]) -> None:
        super().__init__(data)
        self.groups, self._ids = groups, ids
        self.initial.update(_shown(groups, ids))

    def clean_id(self) -> Sequence[int]:
        if len(self.groups) != len(self._ids):
            raise ValidationError(ONE_IS_GONE)
        return self._ids

    def operation_of(self, group: Group) -> uuid.UUID:
        return uuid.uuid5(self.cleaned_data["operation"], str(group.id))

    def only(self, groups: Sequence[Group]) -> "SeveralForm":
        """Return the form with the same input for these groups, as they are by now."""
        ids = [group.id for group in groups]
        data = {name: self[name].data for name in self.fields} | _shown(groups, ids)
        return SeveralForm(data, groups=groups, ids=ids)


def _shown(groups: Sequence[Group], ids: Sequence[int]) -> dict[str, str]:
    return {"id": ",".join(map(str, ids)), "version": version_of_several(groups)}


class ScheduleForm(TimesForm):
    """The values of one group for some time; with `version` a group that was changed since is a conflict."""

    birthday_bonus = BonusField(
        label=_("Birthday bonus for that time"),
        help_text=_("Leave it empty to keep the present one."),
    )
    version = forms.CharField(widget=forms.HiddenInput, required=False)
    field_order = ("percent", "birthday_bonus", "starts_at", "ends_at")

    def __init__(self, data: Any = None, *, group: Group) -> None:
        super().__init__(data, initial={"percent": group.percent}, version=Version.of_group(group))
        self.group, self.made_with = group, {"group": group}
        if group.loyalty_type != LoyaltyType.BONUS:
            del self.fields["birthday_bonus"]

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        is_readable = "percent" in data and "birthday_bonus" not in self.errors
        if is_readable and not self.is_moved_on and self.planned == self.group.values:
            self.add_error("percent", _("The group has these values already."))
        return data

    @property
    def planned(self) -> GroupValues:
        data, values = self.cleaned_data, self.group.values
        bonus = data.get("birthday_bonus")
        return values.replace(
            percent=data["percent"], birthday_bonus=values.birthday_bonus if bonus is None else bonus
        )

    @property
    def is_moved_on(self) -> bool:
        version: Version = self.cleaned_data.get("version", Version())
        return version.values not in (None, self.group.values)
