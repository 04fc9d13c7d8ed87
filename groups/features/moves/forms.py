"""Forms for moves of clients: of a whole group, some of its clients, or chosen clients of any groups."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from groups.forms.fields import INCOMPLETE, ONE_IS_GONE
from groups.forms.groups import is_other_than_shown, version_of_several
from groups.poster import Group
from groups.poster.fields import whole_number
from groups.presenters.clients import Choice
from groups.services.values import terms_words

MOST_MOVED = 2_000
"""Limit for the chosen clients of one job; the ids stand in one field of the form."""
TOO_MANY = _("So many clients cannot be moved at once. Move some of them first.")


class TargetField(forms.TypedChoiceField):
    """The group to which clients go. A list that shows several at once has a `size`."""

    def __init__(self, groups: Sequence[Group], *, size: int = 0) -> None:
        by_id = {str(each.id): each for each in groups}
        # A list that shows several groups needs no line that asks to choose one.
        first = [] if size else [("", _("Choose a group"))]
        super().__init__(
            label=_("To the group"),
            choices=[*first, *((pk, terms_words(each)) for pk, each in by_id.items())],
            coerce=by_id.__getitem__,
            widget=forms.Select(attrs={"size": size} if size else {}),
            error_messages={"required": _("Choose a group.")},
        )


class TargetForm(forms.Form):
    """Choose the group to which clients go; `sources` are the groups that they are in.

    `version` says what the form has shown of each group: name, type, percent and birthday bonus.
    `query` is the choice of clients in the address of the form: a page that answers it can be opened again.
    `back` is the address of the page on which they were chosen. `ids` has those of each group, None for all.
    """

    FEW = 8

    clients = forms.CharField(widget=forms.HiddenInput)
    version = forms.CharField(widget=forms.HiddenInput, error_messages={"required": INCOMPLETE})
    operation = forms.UUIDField(widget=forms.HiddenInput)
    sources: Sequence[Group]
    ids: Mapping[int, list[int] | None]
    query: str
    back: str

    def __init__(self, data: Any, **initial: str) -> None:
        super().__init__(data, initial={**initial, "operation": uuid.uuid4()})

    @property
    def is_moved_on(self) -> bool:
        version = self.cleaned_data["version"]
        return any(
            is_other_than_shown(group, version) for group in (*self.sources, self.cleaned_data["target"])
        )

    def renew_version(self) -> None:
        """Let the form carry what the groups are by now, beside what was typed."""
        self.data = {**{name: self[name].data for name in self.fields}, "version": self.initial["version"]}

    def offer(self, groups: Sequence[Group]) -> None:
        """Offer these groups as targets; not the only group that the clients are in."""
        self.initial["version"] = version_of_several((*groups, *self.sources))
        single = self.sources[0].id if len(self.sources) == 1 else None
        targets = [each for each in groups if each.id != single]
        self.has_many_targets = len(targets) > self.FEW
        self.fields["target"] = TargetField(targets, size=self.FEW if self.has_many_targets else 0)


class MoveForm(TargetForm):
    ALL = "all"

    def __init__(
        self, data: Any = None, *, group: Group, groups: Sequence[Group], chosen: Sequence[str] = ()
    ) -> None:
        super().__init__(data, clients=",".join(dict.fromkeys(chosen)) or self.ALL)
        self.group = group
        self.sources = [group]
        self.offer(groups)
        text = self["clients"].value() or self.ALL
        ids = None if text == self.ALL else [whole_number(each) or 0 for each in text.split(",")]
        self.ids = {group.id: ids}
        # As far as it is known in advance.
        self.count = group.clients if ids is None else len(ids)
        self.query = "" if text == self.ALL else f"?{urlencode({'client': text}, safe=',')}"

    def clean_clients(self) -> str:
        text: str = self.cleaned_data["clients"]
        if not all(self.ids[self.group.id] or ()):
            raise ValidationError(INCOMPLETE)
        return text


class ChoiceForm(TargetForm):
    def __init__(self, data: Any = None, *, groups: Sequence[Group], chosen: Sequence[str] = ()) -> None:
        super().__init__(data, clients=",".join(chosen))
        self.choice = Choice.parse([self["clients"].value() or ""])
        self.ids = by_group = self.choice.by_group
        self.count, self.query, self.back = len(self.choice.groups), self.choice.query, self.choice.back
        self.sources = [group for group in groups if group.id in by_group]
        self.parts = [(group.name, len(by_group[group.id])) for group in self.sources]
        self.offer(groups)

    def clean_clients(self) -> Choice:
        if self.count != len(set(self.cleaned_data["clients"].split(","))):
            raise ValidationError(INCOMPLETE)
        if self.count > MOST_MOVED:
            raise ValidationError(TOO_MANY)
        if len(self.sources) != len(self.ids):
            raise ValidationError(_("A group of these clients is no longer there. Choose the clients again."))
        return self.choice


class GroupsForm(TargetForm):
    clients = None  # type: ignore[assignment]  # as Django takes a field away
    id = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, groups: Sequence[Group], ids: Sequence[int]) -> None:
        chosen = ",".join(map(str, ids))
        super().__init__(data, id=chosen)
        self._wanted = ids
        self.sources = [group for group in groups if group.id in ids]
        self.ids = {group.id: None for group in self.sources}
        self.count = sum(group.clients for group in self.sources)
        self.parts = [(group.name, group.clients) for group in self.sources]
        self.query = f"?id={chosen}"
        self.back = reverse("groups:list") + self.query
        self.offer(groups)

    def clean_id(self) -> Sequence[int]:
        if len(self.sources) != len(self._wanted):
            raise ValidationError(ONE_IS_GONE)
        return self._wanted
