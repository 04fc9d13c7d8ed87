"""Forms of the criteria: the table with its rows, the run, and the pin of a client; with their fields."""

import uuid
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar, cast

from django import forms
from django.core.validators import MinValueValidator
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from groups.features.criteria.models import Criteria
from groups.features.criteria.services.judging import Criterion, Table
from groups.features.criteria.services.reading import MAX_MOVES
from groups.features.criteria.services.runs import version_of
from groups.forms import INCOMPLETE, JINJA2, DecimalField, WholeField
from groups.models.submissions import LONGEST_REASON
from groups.poster import Group
from groups.poster.fields import KOPECKS, MAX_ID
from groups.services.values import NumberFormat, terms_words

MOST_ROWS = 50
_BOUNDS = ("bought_min", "bought_max", "receipts_min", "receipts_max")
_CONDITIONS = (*_BOUNDS, "registered_min", "registered_max", "birthday_in")


type Choices = Sequence[tuple[int | str, Any]]


def choices_of(groups: Iterable[Group]) -> Choices:
    return [("", _("Choose a group")), *((group.id, terms_words(group)) for group in groups)]


class AmountField(DecimalField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            maximum=Decimal(100_000_000),
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


class GroupChoiceField(forms.TypedChoiceField):
    """The choice of a group; one that is gone from Poster stays in sight, and is refused."""

    def __init__(self, **kwargs: Any) -> None:
        messages = {
            "required": _("Choose a group."),
            "invalid_choice": _("This group is not in Poster. Choose another one."),
        }
        super().__init__(coerce=int, empty_value=None, error_messages=messages, **kwargs)

    def offer(self, groups: Choices, chosen: Any) -> None:
        self.choices = groups
        if str(chosen or "") not in {str(group_id) for group_id, _words in groups}:
            self.widget.choices = [*groups, (chosen, _("group %(id)s, gone from Poster") % {"id": chosen})]


# --- The table ---------------------------------------------------------------------------------------------

DAYS, AGO = pgettext_lazy("after a number", "days"), _("days ago")
RECEIPTS = pgettext_lazy("after a number", "receipts")


class RowForm(forms.Form):
    """One row: a group, and conditions that must all hold. Labels, fields and units read as a sentence."""

    default_renderer = JINJA2

    group = GroupChoiceField(label=_("Group"))
    days = WholeField(1, 365, label=_("in the last"), after=DAYS, required=False)
    bought_min = AmountField(label=_("bought at least"))
    bought_max = AmountField(label=_("bought at most"))
    receipts_min = WholeField(0, 100_000, label=_("has at least"), after=RECEIPTS, required=False)
    receipts_max = WholeField(0, 100_000, label=_("has at most"), after=RECEIPTS, required=False)
    registered_min = WholeField(0, 36_500, label=_("registered at least"), after=AGO, required=False)
    registered_max = WholeField(0, 36_500, label=_("registered at most"), after=AGO, required=False)
    birthday_in = WholeField(0, 180, label=_("has a birthday within"), after=DAYS, required=False)

    def __init__(self, *args: Any, groups: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("GroupChoiceField", self.fields["group"]).offer(groups, self["group"].value())

    def clean(self) -> None:
        data = self.cleaned_data
        if self.errors:
            return
        if all(data[name] is None for name in _CONDITIONS):
            self.add_error(None, _("Enter at least one condition for this group."))
        if data["days"] is None and any(data[name] is not None for name in _BOUNDS):
            self.add_error("days", _("Enter in how many days that was bought."))
        for name in ("bought", "receipts", "registered"):
            least, most = data[f"{name}_min"], data[f"{name}_max"]
            if least is not None and most is not None and least > most:
                self.add_error(f"{name}_min", _("The lower bound is above the upper one."))

    @cached_property
    def phrases(self) -> tuple[list[forms.BoundField], list[forms.BoundField]]:
        """The fields of the sentence, and those that may be added to it; an empty row asks for purchases."""
        fields = [self[name] for name in ("days", *_CONDITIONS)]
        said = {field.name for field in fields if field.errors or field.value() not in (None, "")}
        if said.isdisjoint(_CONDITIONS):
            said.add("bought_min")
        if not said.isdisjoint(_BOUNDS):
            said.add("days")
        return [each for each in fields if each.name in said], [
            each for each in fields if each.name not in said
        ]

    @property
    def criterion(self) -> Criterion:
        values = {name: self.cleaned_data[name] for name in ("days", *_CONDITIONS)}
        return Criterion(group_id=self.cleaned_data["group"], **values)


class BaseRows(forms.BaseFormSet):  # type: ignore[type-arg]
    ordering_widget = deletion_widget = forms.HiddenInput
    default_error_messages: ClassVar[dict[str, Any]] = {
        **forms.BaseFormSet.default_error_messages,
        "too_many_forms": _("A table has at most %(num)d rows."),
        "missing_management_form": INCOMPLETE,
    }

    def clean(self) -> None:
        seen: set[int] = set()
        for form in self.forms:
            group_id = None if form in self.deleted_forms else form.cleaned_data.get("group")
            if group_id is None:
                continue
            if group_id in seen:
                form.add_error("group", _("This group has a row already."))
            seen.add(group_id)


Rows = forms.formset_factory(
    RowForm, formset=BaseRows, can_order=True, can_delete=True, extra=0, max_num=MOST_ROWS, validate_max=True
)


class CriteriaForm(forms.Form):
    default_renderer = JINJA2

    otherwise = GroupChoiceField(label=_("all others of these groups"))
    max_moves = WholeField(
        0,
        100_000,
        label=_("A run moves at most"),
        after=pgettext_lazy("after a number", "clients"),
        error_messages={"required": _("Enter a number; with 0 each run waits for another person's yes.")},
    )
    nightly = forms.BooleanField(label=_("Run every night"), required=False)
    version = forms.CharField(widget=forms.HiddenInput, error_messages={"required": INCOMPLETE})
    operation = forms.UUIDField(
        widget=forms.HiddenInput, error_messages={"required": INCOMPLETE, "invalid": INCOMPLETE}
    )

    def __init__(
        self,
        data: Any = None,
        *,
        groups: Sequence[Group],
        saved: Criteria | None,
        typed: tuple[dict[str, Any], list[dict[str, Any]]] | None = None,
        start: dict[str, Any] | None = None,
    ) -> None:
        """Take what was sent in `data`; or show what was `typed`, without a check of it.

        The row of a `start` stands below those that are saved.
        """
        self._saved, self._groups = saved, groups
        # True if the rows of the form are those that are saved.
        self.is_saved = saved is not None and data is None and not (typed or start)
        initial: dict[str, Any] = {"version": version_of(saved), "operation": uuid.uuid4()}
        rows: list[dict[str, Any]] = []
        if saved:
            initial |= saved.table | {"nightly": saved.nightly}
            rows = [row | {"group": row["group_id"]} for row in saved.table["rows"]]
        if typed:
            initial, rows = initial | typed[0], typed[1]
        if start:
            initial, rows = {"max_moves": MAX_MOVES} | initial, [*rows, start]
        super().__init__(data, initial=initial)
        choices = choices_of(groups)
        cast("GroupChoiceField", self.fields["otherwise"]).offer(choices, self["otherwise"].value())
        self.rows = Rows(data, prefix="rows", initial=rows or [{}], form_kwargs={"groups": choices})

    def clean(self) -> None:
        otherwise = self.cleaned_data.get("otherwise")
        rows = self.rows.ordered_forms if self.rows.is_valid() else []
        if any(form.cleaned_data["group"] == otherwise for form in rows):
            self.add_error("otherwise", _("This group has a row of its own. Choose another one."))

    def is_valid(self) -> bool:
        return super().is_valid() and self.rows.is_valid()

    @property
    def has_errors(self) -> bool:
        return self.is_bound and not self.is_valid()

    @property
    def table(self) -> Table:
        rows = tuple(form.criterion for form in self.rows.ordered_forms)
        once = {name: self.cleaned_data[name] for name in ("otherwise", "max_moves")}
        return Table(rows=rows, **once)

    def on(self, saved: Criteria | None) -> "CriteriaForm":
        """Return the form with the same input, for another operation onto the table that is saved now."""
        data = dict(self.data.items())
        data["version"], data["operation"] = version_of(saved), str(uuid.uuid4())
        return CriteriaForm(data, groups=self._groups, saved=saved)

    def after(self, step: str) -> "CriteriaForm":
        """Return the form after a button of its rows: "add", or "up", "down", "remove" with a row's number.

        Nothing is checked, and nothing that was typed is lost.
        """
        typed = [
            {name: form[name].data or "" for name in RowForm.base_fields}
            for form in self.rows.forms
            if not form["DELETE"].data
        ]
        verb, _dash, number = step.partition("-")
        place = int(number) if number.isdecimal() and int(number) < len(typed) else None
        if verb == "add" and len(typed) < MOST_ROWS:
            typed.append({})
        elif place is not None and verb == "remove":
            del typed[place]
        elif place is not None and verb in ("up", "down"):
            other = place + (1 if verb == "down" else -1)
            if 0 <= other < len(typed):
                typed[place], typed[other] = typed[other], typed[place]
        once = {name: self[name].data for name in self.fields}
        return CriteriaForm(groups=self._groups, saved=self._saved, typed=(once, typed))


class RunForm(forms.Form):
    operation = forms.UUIDField(error_messages={"required": INCOMPLETE, "invalid": INCOMPLETE})
    seen = forms.CharField(required=False)


class PinForm(forms.Form):
    client = WholeField(
        1,
        MAX_ID,
        label=_("Number of the client in Poster"),
        range_message=_("Enter the number of a client, as Poster shows it."),
        error_messages={"required": _("Enter the number of a client, as Poster shows it.")},
    )
    reason = forms.CharField(
        label=_("Stays here, because"),
        max_length=LONGEST_REASON,
        help_text=_("Everybody who may see groups reads it: no names and phones."),
        error_messages={"required": _("Enter why this client stays.")},
    )
    until = forms.DateField(
        label=_("Until, or empty for good"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        validators=[MinValueValidator(localdate, _("This day is past."))],
    )
