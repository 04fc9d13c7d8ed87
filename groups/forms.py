"""Turn input into domain types: fields for values as people type them, and the forms of the core."""

import hashlib
import json
import re
import unicodedata
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Self, cast

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.forms.renderers import Jinja2
from django.template.defaultfilters import floatformat
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.functional import lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from groups.models import Change, ChangeQuerySet, JobQuerySet
from groups.models.changes import LONGEST_NOTE
from groups.models.contents import LoadedGroup
from groups.poster import Group, GroupValues, LoyaltyType
from groups.poster.client import ACCOUNT
from groups.poster.errors import TOKEN
from groups.poster.fields import plain, whole_number
from groups.presenters.alphabet import has_all, spellings
from groups.services.values import FORM_FIELDS, clients_words, money_words, percent_words, type_label

# ASCII digits only, thousands separated by any kind of space, one decimal point or comma.
_SPACES = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"
_NUMBER = re.compile(rf"(?:[0-9]+|[0-9]{{1,3}}(?:[{_SPACES}][0-9]{{3}})+)(?:[.,]([0-9]+))?", re.ASCII)
_NOT_DIGITS = str.maketrans(",", ".", _SPACES)
INCOMPLETE = _("This form is incomplete. Open the page again.")
ONE_IS_GONE = _("One of these groups is no longer there. Choose them again.")
DECIMALS = 2
LARGEST_BONUS = Decimal(1_000_000)
NAME_LENGTH = 100
PERCENT_LEAP = Decimal(10)
BONUS_FACTOR = 10
LARGE_BONUS = Decimal(10_000)
VISIBLE = ("L", "N", "P", "S")


class DecimalField(forms.CharField):
    """A decimal number as people type it: `12,5`, `12.5`, `1 000`, with or without its unit.

    Cleans to a `Decimal` with at most two decimals. Exponents, signs and digits of other scripts are refused,
    all of which Django's own field accepts. A value as it is `stored` in Poster is accepted, however odd.
    """

    widget = forms.TextInput(attrs={"inputmode": "decimal"})
    unit = ""
    not_a_number = _("Enter a number, for example 12.5 or 12,5.")
    shown_decimals: int | None = None
    stored: Decimal | None = None

    def __init__(self, *, maximum: Decimal, range_message: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.maximum = maximum
        self.range_message = range_message

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        if self.unit:
            text = text.removesuffix(self.unit).strip()
        if not text:
            return None
        match = _NUMBER.fullmatch(text)
        if match is None:
            if _NUMBER.fullmatch(text.lstrip("-+")) and not text.startswith(("--", "++")):
                raise ValidationError(self.range_message)
            raise ValidationError(self.not_a_number)
        number = Decimal(text.translate(_NOT_DIGITS))
        if number == self.stored:
            return number
        if len(match[1] or "") > DECIMALS:
            raise ValidationError(_("Enter no more than two digits after the decimal point."))
        if len(text) > 20 or number > self.maximum:
            raise ValidationError(self.range_message)
        return number

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Decimal):
            return value
        return number_format(Decimal(plain(value)), self.shown_decimals, force_grouping=False)


class PercentField(DecimalField):
    unit = "%"
    default_error_messages: ClassVar = {"required": _("Enter a percent.")}

    def __init__(self, **kwargs: Any) -> None:
        message = _("The percent must be between 0 and 100.")
        super().__init__(maximum=Decimal(100), range_message=message, **kwargs)


class BonusField(DecimalField):
    """A birthday bonus in hryvnia. It may be empty: each form decides the meaning of that."""

    shown_decimals = 2
    default_error_messages: ClassVar = {"required": _("Enter a birthday bonus, 0 for none.")}

    def __init__(self, **kwargs: Any) -> None:
        message = _("The birthday bonus must be between 0 and 1,000,000.")
        super().__init__(maximum=LARGEST_BONUS, range_message=message, required=False, **kwargs)


class WholeField(DecimalField):
    """A whole number between two bounds; `after` may stand behind the field, as its unit."""

    not_a_number = _("Enter a whole number.")

    def __init__(self, least: int, most: int, *, after: Any = "", **kwargs: Any) -> None:
        range_message = format_lazy(
            _("Enter a number between {least} and {most}."),
            least=least,
            most=lazy(floatformat, str)(most, "0g"),
        )
        kwargs.setdefault("range_message", range_message)
        super().__init__(maximum=Decimal(most), **kwargs)
        self.least, self.after = least, after
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


class FileInput(forms.FileInput):
    """The input of a file of some kinds, with the words that a script puts on its button."""

    def __init__(self, accept: str) -> None:
        words = {"data-choose": _("Choose a file"), "data-none": _("No file is chosen.")}
        super().__init__({"accept": accept, **words})


class NameField(forms.CharField):
    """The name of a group: one line of visible characters that Poster's database can hold."""

    default_error_messages: ClassVar = {
        "required": _("Enter a name."),
        "max_length": _("Enter a name of at most 100 characters."),
        "null_characters_not_allowed": _("Take the invisible characters out of the name."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=NAME_LENGTH, **kwargs)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        # Some versions of Python take quadratic time for accents; a longer text is refused anyway.
        return unicodedata.normalize("NFC", text) if len(text) <= 10 * NAME_LENGTH else text

    def validate(self, value: Any) -> None:
        super().validate(value)
        if any(ord(char) > 0xFFFF for char in value):
            raise ValidationError(
                _("Take emoji and other pictures out of the name: Poster would lose the whole name.")
            )
        if not any(unicodedata.category(char)[0] in VISIBLE for char in value):
            raise ValidationError(_("Enter a name with at least one visible character."))
        if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in value):
            raise ValidationError(_("Take the invisible characters out of the name."))
        if "\N{REPLACEMENT CHARACTER}" in value:
            # U+FFFD replaces an unreadable character: sending it back would overwrite the original.
            raise ValidationError(_("Type the name again: the sign � stands for something that was lost."))


class AccountField(forms.CharField):
    """The login of a Poster account: the part before .joinposter.com, also found in a pasted address."""

    # Any page of Poster's console may be pasted, but nothing with a query: it could hold a token.
    _ADDRESS = re.compile(r"(?:https://)?([a-z0-9-]{1,63})\.joinposter\.com(?:/[a-z0-9/_.-]*)?", re.ASCII)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        # ASCII only: lower() would turn the Kelvin sign into a k.
        text = text.lower() if text.isascii() else text
        address = self._ADDRESS.fullmatch(text)
        return address[1] if address else text

    def validate(self, value: Any) -> None:
        super().validate(value)
        if not ACCOUNT.fullmatch(value):
            raise ValidationError(
                _(
                    "Enter the account as in its address, before .joinposter.com: "
                    "small Latin letters, digits and hyphens."
                )
            )


class TokenField(forms.CharField):
    """A Poster token. It is never shown again, not even in a form that comes back with an error."""

    widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"})

    def validate(self, value: Any) -> None:
        super().validate(value)
        if not TOKEN.fullmatch(value):
            raise ValidationError(
                _(
                    "Enter the token alone, as Poster shows it: 32 digits and letters from a to f, in newer "
                    "accounts after a number and a colon."
                )
            )


# --- The forms ----------------------------------------------------------------------------------------------


TYPES = ((LoyaltyType.BONUS.value, _("Bonus")), (LoyaltyType.DISCOUNT.value, _("Discount")))
GROUP_ACTIONS = tuple(action for action in Change.Action if action not in Change.OF_CLIENTS)
JINJA2 = Jinja2()
"""Draws widgets by Django's own templates for Jinja2; the admin has none, so it is no setting."""
_signer = signing.Signer(salt="groups.forms.groups.version")


class Version(LoadedGroup):
    """The values that a form was opened on. They travel in the form, so that a conflict can show them."""

    __slots__ = ()

    @classmethod
    def of_group(cls, group: Group, *, with_clients: bool = False) -> "Version":
        return cls(group.values, group.clients if with_clients else None)

    def __str__(self) -> str:
        return _signer.sign_object(self.to_json() or {}, compress=True)

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read a version back. Without a valid signature it is empty, and matches no group."""
        try:
            return cls.from_json(_signer.unsign_object(text))
        except (signing.BadSignature, TypeError, KeyError, ValueError):
            return cls()


def version_of_several(groups: Iterable[Group]) -> str:
    """Return what a form has shown of several groups: a short hash of the values of each."""
    return "~".join(dict.fromkeys(map(_hash_of, groups)))


def is_other_than_shown(group: Group, version: str) -> bool:
    return _hash_of(group) not in version.split("~")


def _hash_of(group: Group) -> str:
    # No character of it is encoded in a form.
    seen = hashlib.blake2b(repr(sorted(group.values.to_json().items())).encode(), digest_size=3).digest()
    return f"{group.id}.{urlsafe_b64encode(seen).decode()}"


class WriteForm(forms.Form):
    """The fields of every form that asks for a write: the version it was opened on, and its operation.

    `made_with` are the arguments with which `again` builds a new form.
    """

    default_renderer = JINJA2
    made_with: Mapping[str, Any] = MappingProxyType({})

    version = forms.CharField(widget=forms.HiddenInput, error_messages={"required": INCOMPLETE})
    operation = forms.UUIDField(
        widget=forms.HiddenInput, error_messages={"required": INCOMPLETE, "invalid": INCOMPLETE}
    )

    def __init__(self, *args: Any, version: Version | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {
            **self.initial,
            "version": str(version or Version()),
            "operation": uuid.uuid4(),
        }

    def clean_version(self) -> Version:
        return Version.parse(self.cleaned_data["version"])

    def again(self, *, version: Version | None = None) -> Self:
        """Return the form with the same input for another operation, and with a new version if given."""
        data = {name: self.data[name] for name in self.fields if name in self.data}
        data["operation"] = str(uuid.uuid4())
        if version is not None:
            data["version"] = str(version)
        form = type(self)(data, **self.made_with)
        form.is_valid()
        return form


class GroupForm(WriteForm):
    name = NameField(label=_("Name"))
    loyalty_type = forms.TypedChoiceField(
        label=_("Type"),
        choices=TYPES,
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose a type."), "invalid_choice": _("Choose a type.")},
    )
    percent = PercentField(label=_("Percent"))
    birthday_bonus = BonusField(label=_("Birthday bonus"))
    note = forms.CharField(
        label=_("Reason (optional)"),
        required=False,
        max_length=LONGEST_NOTE,
        help_text=_("Kept in the history. Name no clients here."),
        error_messages={"max_length": _("The reason may have %(limit_value)d characters at most.")},
    )
    confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        group: Group | None = None,
        archive: bool = False,
        name: str = "",
        percent: str = "",
        like: Group | None = None,
        **kwargs: Any,
    ) -> None:
        if group is not None:
            initial = _values_of(group)
            kwargs["version"] = Version.of_group(group)
            if archive:  # the group stays, but gives nothing any more, and its name says so
                archived = _("(archived) %(name)s") % {"name": group.name}
                initial |= {
                    "name": archived[:NAME_LENGTH],
                    "percent": Decimal(0),
                    "birthday_bonus": Decimal(0),
                }
            if percent:
                initial["percent"] = Decimal(percent)
        elif like is not None:
            copied = _("%(name)s (copy)") % {"name": like.name}
            initial = _values_of(like) | {"name": copied[:NAME_LENGTH]}
        else:
            initial = {"birthday_bonus": Decimal(0)} | ({"name": name} if name else {})
        super().__init__(*args, initial=initial, **kwargs)
        if not self.is_bound:  # else the summary of the errors takes the focus
            if self.loaded is None:
                self.fields["name"].widget.attrs["autofocus"] = True
            else:
                self.fields["percent"].widget.attrs["data-type-at-once"] = True
        self.accept_stored()
        if percent:
            self.fields["percent"].widget.attrs["data-focus"] = True

    def accept_stored(self) -> None:
        """Accept the numbers that Poster has already: they may be beyond the limits of their fields."""
        loaded = self.loaded
        percent, bonus = (cast("DecimalField", self.fields[name]) for name in ("percent", "birthday_bonus"))
        percent.stored = loaded.percent if loaded else None
        bonus.stored = loaded.birthday_bonus if loaded and loaded.loyalty_type == LoyaltyType.BONUS else None

    @cached_property
    def loaded(self) -> GroupValues | None:
        """The values that the form was opened on, None for a new group."""
        return Version.parse(self["version"].value() or "").values

    def clean(self) -> dict[str, Any]:
        data, loaded = super().clean() or {}, self.loaded
        # Only intended edits are sent: a name that looks as it did stays as Poster has it.
        if loaded and NameField(required=False).to_python(loaded.name) == data.get("name"):
            data["name"] = loaded.name
        if data.get("loyalty_type") == LoyaltyType.DISCOUNT:
            # A discount group has no such field on its page: a value in it is ignored, its own stays.
            was_discount = loaded and loaded.loyalty_type == LoyaltyType.DISCOUNT
            data["birthday_bonus"] = loaded.birthday_bonus if loaded and was_discount else Decimal(0)
            self.errors.pop("birthday_bonus", None)
        elif data.get("birthday_bonus") is None and "birthday_bonus" not in self.errors:
            self.add_error("birthday_bonus", self.fields["birthday_bonus"].error_messages["required"])
        return data

    @property
    def draft(self) -> str:
        """The values that the form was opened with, as JSON: `drafts.js` compares the input with them."""
        values = _values_of(self.loaded) if self.loaded else self.initial
        return json.dumps(
            {
                name: str(self.fields[name].prepare_value(values[name])) if name in values else ""
                for name in FORM_FIELDS
            }
            | {"note": ""}
        )

    @property
    def intended(self) -> GroupValues:
        """The values to write; `use_ewallet` is sent back as it was read."""
        data = self.cleaned_data
        return GroupValues(
            use_ewallet=self.loaded.use_ewallet if self.loaded else None,
            **{name: data[name] for name in FORM_FIELDS},
        )


def _values_of(group: Group | GroupValues) -> dict[str, Any]:
    return {name: getattr(group, name) for name in FORM_FIELDS}


class RemovalForm(WriteForm):
    confirm_name = forms.CharField(label=_("Name of the group"), required=False)

    def __init__(self, *args: Any, group: Group | None = None, **kwargs: Any) -> None:
        if group is not None:
            kwargs["version"] = Version.of_group(group, with_clients=True)
        super().__init__(*args, **kwargs)
        self.group, self.made_with = group, {"group": group}
        if group is not None and not group.clients:
            del self.fields["confirm_name"]

    def clean_confirm_name(self) -> str:
        typed: str = NameField(required=False).to_python(self.cleaned_data["confirm_name"])
        if self.group and typed != NameField().to_python(self.group.name):
            raise ValidationError(_("Type the name of the group exactly as it is shown."))
        return typed


class AccountForm(forms.Form):
    account = AccountField(
        label=_("Poster account"),
        error_messages={"required": _("Enter the Poster account.")},
        widget=forms.TextInput(
            attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    token = TokenField(label=_("Token"), error_messages={"required": _("Enter the token.")})


JOBS = "job"
"""The action by which the history shows jobs alone."""


class HistoryForm(forms.Form):
    """Filters of the history. An unreadable value filters nothing."""

    default_renderer = JINJA2
    user = forms.CharField(label=_("Person"), required=False, widget=forms.Select)
    action = forms.ChoiceField(
        label=_("Action"),
        required=False,
        choices=[
            ("", _("all")),
            *((each.value, each.label) for each in GROUP_ACTIONS),
            (JOBS, _("many at once")),
        ],
    )
    group = forms.CharField(label=_("Group"), required=False)
    state = forms.ChoiceField(
        label=_("Outcome"), required=False, choices=[("", _("all")), *Change.State.choices]
    )
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    job = forms.UUIDField(required=False, widget=forms.HiddenInput)
    new = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, people: Iterable[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self["user"].value() or ""
        names = sorted({*people, chosen} - {""}, key=str.casefold)
        self.fields["user"].widget.choices = [("", _("all")), *((name, name) for name in names)]
        self.full_clean()

    @property
    def is_news(self) -> bool:
        return bool(self["new"].value())

    def narrow(self, changes: ChangeQuerySet, jobs: JobQuerySet) -> tuple[ChangeQuerySet, JobQuerySet]:
        """Return the changes that match: the parts of one job, or changes of groups only; and the jobs.

        No job matches news, an action, an outcome, or the parts of one.
        """
        data, words = self.cleaned_data, self.cleaned_data.get("group") or ""
        since, before = _midnight(data.get("since")), _midnight(data.get("until"), days=1)
        both = {"user_name": data.get("user"), "created_at__gte": since, "created_at__lt": before}
        both = {lookup: value for lookup, value in both.items() if value}
        of_changes = {name: data[name] for name in ("action", "state", "job") if data.get(name)}
        changes = changes.filter(**both, **of_changes)
        if "job" not in of_changes:
            changes = changes.of_groups()
        has_jobs = of_changes in ({}, {"action": JOBS}) and not self.is_news
        jobs = jobs.filter(**both) if has_jobs else jobs.none()
        if (group_id := whole_number(words)) is not None:
            return changes.filter(group_id=group_id), jobs.of_group(group_id)
        if words:
            changes = changes.filter(group_name__in=_names_in(changes, "group_name", words))
            names = Q(group_name__in=_names_in(jobs, "group_name", words))
            jobs = jobs.filter(names | Q(target_name__in=_names_in(jobs, "target_name", words)))
        return changes, jobs


def _names_in(rows: QuerySet[Any], column: str, text: str) -> list[str]:
    """Return the names in which the list of groups would find the text: SQLite folds Latin alone."""
    words = [spellings(word) for word in text.split()]
    names = rows.order_by().values_list(column, flat=True).distinct()
    return [name for name in names if has_all(name, words)]


def _midnight(day: date | None, *, days: int = 0) -> datetime | None:
    """Return the start of a local day, some days later; None beyond the calendar."""
    if day is None:
        return None
    try:
        midnight = datetime.combine(day + timedelta(days), time.min)
        return timezone.make_aware(midnight).astimezone(UTC)
    except OverflowError:
        return None


def warnings_for(
    old: GroupValues | None, new: GroupValues, namesakes: Sequence[tuple[int, int]]
) -> list[str]:
    """Warn of namesakes too: ids, and numbers of clients, of other groups. `old` is None for a creation."""
    risks = []
    if namesakes:
        # Translators: a group by its number, and its clients: "no. 1, 125 clients"
        words = _("no. %(id)s, %(clients)s")
        known = "; ".join(words % {"id": pk, "clients": clients_words(count)} for pk, count in namesakes)
        if old is None:
            text = _("A group with this name exists already: %(groups)s. Create a second one?")
        else:
            text = _("Another group has this name already: %(groups)s. Give this one the same name?")
        risks.append(text % {"groups": known})
    if old and new.percent - old.percent > PERCENT_LEAP:
        text = _("The percent rises from %(old)s to %(new)s.")
        risks.append(text % {"old": percent_words(old.percent), "new": percent_words(new.percent)})
    if old and new.loyalty_type != old.loyalty_type:
        text = _("The type changes from “%(old)s” to “%(new)s”: clients will get something else.")
        risks.append(text % {"old": type_label(old.loyalty_type), "new": type_label(new.loyalty_type)})
    if old and old.birthday_bonus and new.birthday_bonus >= old.birthday_bonus * BONUS_FACTOR:
        text = _("The birthday bonus becomes at least ten times higher: %(old)s → %(new)s.")
        risks.append(text % {"old": money_words(old.birthday_bonus), "new": money_words(new.birthday_bonus)})
    elif new.birthday_bonus > LARGE_BONUS and (old is None or old.birthday_bonus != new.birthday_bonus):
        text = _("The birthday bonus is very large: %(new)s.")
        risks.append(text % {"new": money_words(new.birthday_bonus)})
    return risks
