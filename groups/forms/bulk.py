"""Forms that change many groups at once, by the same rules as the form of one group."""

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from groups.forms.groups import GroupForm, Version
from groups.models.contents import Line
from groups.poster import Group, GroupValues
from groups.poster.records import plain
from groups.presenters.messages import percent_words

INCOMPLETE = _("This form is incomplete. Open the page again.")
_signer = signing.Signer(salt="groups.forms.bulk.percents")


class LineForm(GroupForm):
    """Check the values of one group among many, without the hidden fields that the page of one group needs.

    One instance checks all lines: for thousands of lines, creating forms took longer than everything else.
    """

    version = None  # type: ignore[assignment]  # as Django takes a field away
    operation = None  # type: ignore[assignment]  # as above
    confirmed = None  # type: ignore[assignment]  # as above

    def __init__(self) -> None:
        super().__init__({})
        self._version = Version()

    def check(self, values: dict[str, str], group: Group | None = None) -> bool:
        """Check the values of a line, completed by those of the group; return True if they are valid."""
        known = {}
        if group is not None:
            known = {name: str(value) for name, value in group.values.to_json().items()}
        self._version = Version(group.values) if group else Version()
        self.data = known | values
        self.full_clean()
        return not self.errors

    def clean(self) -> dict[str, Any]:
        self.cleaned_data["version"] = self._version
        return super().clean()


class PercentsForm(forms.Form):
    """A percent for each of many groups. A percent that the user has not edited stays as it is.

    `groups` are the groups that Poster has now. A submitted form tells by its `version` which groups it
    showed, and with which percents. `typed` are other percents to show at first.
    """

    version = forms.CharField(widget=forms.HiddenInput, error_messages={"required": INCOMPLETE})

    def __init__(
        self,
        data: Any = None,
        *,
        groups: Iterable[Group],
        typed: Mapping[int, Decimal] = MappingProxyType({}),
    ) -> None:
        now = {group.id: group for group in groups}
        self._opened = {group_id: group.percent for group_id, group in now.items()}
        if data is not None:
            self._opened = _opened_on(data.get("version", ""))
        super().__init__(data, initial={"version": _version_of(self._opened)})
        self._line = LineForm()
        self.changed: dict[int, GroupValues] = {}
        self.groups = {group_id: now[group_id] for group_id in self._opened if group_id in now}
        for group in self.groups.values():
            field = copy.deepcopy(GroupForm.base_fields["percent"])
            field.label, field.initial = group.name, typed.get(group.id, group.percent)
            self.fields[_field_of(group.id)] = field

    @property
    def rows(self) -> Iterator[tuple[Group, forms.BoundField]]:
        return ((group, self[_field_of(group.id)]) for group in self.groups.values())

    @property
    def draft(self) -> str:
        """The percents that the form was opened on, as its fields show them: see `GroupForm.draft`."""
        shown = GroupForm.base_fields["percent"].prepare_value
        return json.dumps({_field_of(group_id): shown(self._opened[group_id]) for group_id in self.groups})

    @property
    def lines(self) -> list[Line]:
        """The edited percents, as lines of a plan."""
        return [
            Line(number, new, group_id, self.groups[group_id].values, self.groups[group_id].clients)
            for number, (group_id, new) in enumerate(self.changed.items(), 1)
        ]

    def clean_version(self) -> str:
        if not self._opened:
            raise ValidationError(INCOMPLETE)
        return str(self.cleaned_data["version"])

    def clean(self) -> None:
        for group_id, opened in list(self._opened.items()):
            group = self.groups.get(group_id)
            if group is None:
                self._miss(group_id, opened)
                continue
            typed = self.cleaned_data.get(_field_of(group_id), opened)
            if typed not in (opened, group.percent):
                self._take(group, typed)
        self.data = {**dict(self.data.items()), "version": _version_of(self._opened)}

    def _miss(self, group_id: int, opened: Decimal) -> None:
        """Report a percent that was typed for a group that is gone."""
        shown = GroupForm.base_fields["percent"].prepare_value(opened)
        if self.data.get(_field_of(group_id), shown) != shown:
            text = _("Group %(id)s is no longer there, so it cannot get another percent.")
            self.add_error(None, ValidationError(text, params={"id": group_id}))
            del self._opened[group_id]

    def _take(self, group: Group, percent: Decimal) -> None:
        field = _field_of(group.id)
        if group.percent != self._opened[group.id]:
            # The conflict is shown now, so submitting the form again overwrites the new percent.
            self._opened[group.id] = group.percent
            text = _(
                "Somebody changed this percent meanwhile: it is %(now)s now. Send yours again if it is right."
            )
            self.add_error(field, ValidationError(text, params={"now": percent_words(group.percent)}))
            return
        if self._line.check({"percent": plain(percent)}, group):
            self.changed[group.id] = self._line.intended
        for messages in self._line.errors.values():
            self.add_error(field, [str(message) for message in messages])


def _field_of(group_id: int) -> str:
    return f"percent_{group_id}"


def _version_of(percents: dict[int, Decimal]) -> str:
    return _signer.sign_object({str(key): plain(percent) for key, percent in percents.items()}, compress=True)


def _opened_on(version: str) -> dict[int, Decimal]:
    """Return the percents that a form was opened on; none if the version has no valid signature."""
    try:
        return {int(key): Decimal(percent) for key, percent in _signer.unsign_object(version).items()}
    except signing.BadSignature:
        return {}


class UploadForm(forms.Form):
    """Upload a file with groups. It is read in memory, and not kept."""

    file = forms.FileField(
        label=_("File, CSV or XLSX"),
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx"}),
        error_messages={
            "required": _("Choose a file."),
            "missing": _("Choose a file."),
            "invalid": _("Choose a file."),
            "empty": _("The file is empty."),
        },
    )

    def __init__(self, *args: Any, largest: int = 0, size: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if size > largest:
            # The upload was too large: its content was not even read into memory.
            self.fields["file"].error_messages["required"] = _(
                "The file is larger than %(size)s MB. Take out what is not needed, or split it."
            ) % {"size": largest // 2**20}
