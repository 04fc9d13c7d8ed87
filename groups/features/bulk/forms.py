"""Forms that change many groups at once, by the same rules as the form of one group."""

import copy
import json
import operator
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from types import MappingProxyType
from typing import Any

from django import forms
from django.conf import settings
from django.core import signing
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from groups.features.bulk.services import PlanLine
from groups.forms import INCOMPLETE, LARGEST_BONUS, DecimalField, FileInput, GroupForm
from groups.poster import Group, GroupValues
from groups.poster.fields import plain
from groups.services.values import money_words, percent_words

CENT = Decimal("0.01")
PREFIXES = {"percent": "percent", "birthday_bonus": "bonus"}
"""The numbers that are edited for many groups, and the beginning of the names of their fields."""
LABELS = {"percent": _("Percent of “%(name)s”, %%"), "birthday_bonus": _("Birthday bonus of “%(name)s”")}
CALCULATIONS: dict[str, tuple[Promise, Callable[[Decimal, Decimal], Decimal]]] = {
    "add": (_("+ more by"), operator.add),
    "subtract": (_("− less by"), operator.sub),
    "multiply": (_("× times"), operator.mul),
    "set": (_("= exactly"), lambda _value, amount: amount),
}
_signer = signing.Signer(salt="groups.forms.bulk.numbers")


class LineForm(GroupForm):
    """Check the values of one group among many, without the hidden fields that the page of one group needs.

    One instance checks all lines: for thousands of lines, creating forms took longer than everything else.
    """

    version = None  # type: ignore[assignment]  # as Django takes a field away
    operation = None  # type: ignore[assignment]  # as above
    confirmed = None  # type: ignore[assignment]  # as above
    loaded: GroupValues | None = None

    def __init__(self) -> None:
        super().__init__({})

    def check(self, values: dict[str, str], group: Group | None = None) -> bool:
        """Check the values of a line, completed by those of the group; return True if they are valid."""
        self.loaded = group.values if group else None
        self.accept_stored()
        known = {name: str(value) for name, value in self.loaded.to_json().items()} if self.loaded else {}
        self.data = known | values
        self.full_clean()
        return not self.errors


class PercentsForm(forms.Form):
    """A percent for each of many groups, and the birthday bonus of bonus groups. Edited numbers alone change.

    `groups` are the groups that Poster has now. A submitted form shows by its `version` which groups it
    showed, and with which values. `typed` are lines to show at first, rebased onto the groups. Another
    value at Poster than the old one of a line is a conflict.
    """

    version = forms.CharField(widget=forms.HiddenInput, error_messages={"required": INCOMPLETE})

    def __init__(
        self,
        data: Any = None,
        *,
        groups: Iterable[Group],
        typed: Mapping[int, PlanLine] = MappingProxyType({}),
    ) -> None:
        now = {group.id: group for group in groups}
        # A discount group has no birthday bonus.
        old = {group_id: line.old for group_id, line in typed.items()}
        self._opened = {
            group_id: {
                name: getattr(old.get(group_id) or group, name)
                for name in PREFIXES
                if group.is_bonus or name == "percent"
            }
            for group_id, group in now.items()
        }
        if data is not None:
            self._opened = {}
            with suppress(signing.BadSignature):
                self._opened = {
                    int(key): dict(zip(PREFIXES, map(Decimal, numbers), strict=False))
                    for key, numbers in _signer.unsign_object(data.get("version", "")).items()
                }
        super().__init__(data, initial={"version": _version_of(self._opened)})
        self._line = LineForm()
        self.changed: dict[int, GroupValues] = {}
        self.groups = {group_id: now[group_id] for group_id in self._opened if group_id in now}
        for group in self.groups.values():
            shown = typed[group.id].new if group.id in typed else group
            for name in self._opened[group.id]:
                field: Any = copy.deepcopy(GroupForm.base_fields[name])
                field.label, field.initial = group.name, getattr(shown, name)
                field.stored = self._opened[group.id][name]
                # The name stands next to it; hidden labels would be a seventh of what the browser lays out.
                field.widget.attrs["aria-label"] = LABELS[name] % {"name": group.name}
                # A script may send percents alone: what it leaves out stays.
                field.required = name == "percent" or data is None or _field_of(group.id, name) in data
                self.fields[_field_of(group.id, name)] = field

    @property
    def rows(self) -> list[tuple[Group, list[dict[str, Any]]]]:
        rows = []
        for group in self.groups.values():
            cells = []
            for name in self._opened[group.id]:
                field = self[_field_of(group.id, name)]
                was = self._shown[field.name]
                changed = str(field.value()).replace(",", ".") != was.replace(",", ".")
                cells.append({"field": field, "was": was, "changed": changed})
            rows.append((group, cells))
        return rows

    @cached_property
    def _shown(self) -> dict[str, str]:
        return {
            _field_of(group_id, name): GroupForm.base_fields[name].prepare_value(value)
            for group_id in self.groups
            for name, value in self._opened[group_id].items()
        }

    @property
    def lines(self) -> list[PlanLine]:
        edited = enumerate(self.changed.items(), 1)
        return [PlanLine.of(number, new, self.groups[group_id]) for number, (group_id, new) in edited]

    @property
    def draft(self) -> str:
        """The values that the form was opened on, as JSON: see `GroupForm.draft`."""
        return json.dumps(self._shown)

    def clean_version(self) -> str:
        if not self._opened:
            raise ValidationError(INCOMPLETE)
        return str(self.cleaned_data["version"])

    def clean(self) -> None:
        for group_id, opened in list(self._opened.items()):
            group = self.groups.get(group_id)
            if group is None:
                # Nothing can be stored of what was typed for it.
                shown = {name: GroupForm.base_fields[name].prepare_value(opened[name]) for name in opened}
                if any(self.data.get(_field_of(group_id, name), was) != was for name, was in shown.items()):
                    text = _("Group %(id)s is no longer there, so it cannot get another percent.")
                    self.add_error(None, ValidationError(text, params={"id": group_id}))
                    del self._opened[group_id]
                continue
            # A field that was left out or is not valid has no value.
            typed = {name: self.cleaned_data.get(_field_of(group_id, name)) for name in opened}
            edited = {
                name: value
                for name, value in typed.items()
                if value is not None and value not in (opened[name], getattr(group, name))
            }
            if "birthday_bonus" in edited and not group.is_bonus:
                del opened["birthday_bonus"]
                text = _("This is a discount group now, so it has no birthday bonus.")
                self.add_error(_field_of(group_id, "percent"), text)
                continue
            stale = [name for name in edited if getattr(group, name) != opened[name]]
            for name in stale:
                # The conflict is shown now, so submitting the form again overwrites the new value.
                opened[name] = getattr(group, name)
                now = (percent_words if name == "percent" else money_words)(opened[name])
                text = _(
                    "Somebody changed this meanwhile: it is %(now)s now. Send yours again if it is right."
                )
                self.add_error(_field_of(group_id, name), ValidationError(text, params={"now": now}))
            if stale or not edited:
                continue
            if self._line.check({name: plain(value) for name, value in edited.items()}, group):
                self.changed[group_id] = self._line.intended
            for name, messages in self._line.errors.items():
                field = name if name in opened else "percent"
                self.add_error(_field_of(group_id, field), [str(message) for message in messages])
        self.data = {**dict(self.data.items()), "version": _version_of(self._opened)}


def _field_of(group_id: int, name: str) -> str:
    return f"{PREFIXES[name]}_{group_id}"


def _version_of(opened: dict[int, dict[str, Decimal]]) -> str:
    data = {str(key): [plain(number) for number in numbers.values()] for key, numbers in opened.items()}
    return _signer.sign_object(data, compress=True)


class CalculationForm(forms.Form):
    """Calculate the percents or birthday bonuses of many groups at once: `+ 2`, `× 1.1`."""

    what = forms.ChoiceField(
        label=_("Value"), choices=[("percent", _("Percent")), ("birthday_bonus", _("Birthday bonus"))]
    )
    how = forms.ChoiceField(
        label=_("Calculation"), choices=[(how, words) for how, (words, _make) in CALCULATIONS.items()]
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
        name, (_words, make) = self.cleaned_data["what"], CALCULATIONS[self.cleaned_data["how"]]
        amount: Decimal = self.cleaned_data["amount"]
        found: dict[int, GroupValues] = {}
        for group in groups:
            if name == "birthday_bonus" and not group.is_bonus:
                continue
            values = typed.get(group.id, group.values)
            result = make(getattr(values, name), amount).quantize(CENT, ROUND_HALF_UP)
            numbers = {each: getattr(values, each) for each in PREFIXES} | {name: result}
            if not line.check({key: plain(number) for key, number in numbers.items()}, group):
                reasons = " ".join(str(message) for messages in line.errors.values() for message in messages)
                text = _("Nothing was calculated, because of “%(name)s”: %(reasons)s")
                params = {"name": group.name, "reasons": reasons}
                self.add_error("amount", ValidationError(text, params=params))
                return {}
            found[group.id] = line.intended
        return found


class UploadForm(forms.Form):
    """Upload a file with groups. It is read in memory, and not kept.

    `size` is that of the whole request.
    """

    file = forms.FileField(
        label=_("File, CSV, XLSX or YAML"),
        widget=FileInput(".csv,.xlsx,.yaml,.yml"),
        error_messages={
            **dict.fromkeys(("required", "missing", "invalid"), _("Choose a file.")),
            "empty": _("The file is empty."),
        },
    )

    def __init__(self, *args: Any, size: int = 0) -> None:
        super().__init__(*args)
        largest = settings.FILE_UPLOAD_MAX_MEMORY_SIZE
        self.megabytes = largest // 2**20
        if size > largest:
            # The upload was too large: its content was not even read into memory.
            self.fields["file"].error_messages["required"] = _(
                "The file is larger than %(size)s MB. Take out what is not needed, or split it."
            ) % {"size": self.megabytes}
