"""Form fields for values of loyalty groups and of Poster accounts, as people type them."""

import re
import unicodedata
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.template.defaultfilters import floatformat
from django.utils.formats import number_format
from django.utils.functional import lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from groups.poster.client import ACCOUNT
from groups.poster.errors import TOKEN
from groups.poster.fields import plain

# ASCII digits only, thousands separated by any kind of space, one decimal point or comma.
_SPACES = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"
_NUMBER = re.compile(rf"(?:[0-9]+|[0-9]{{1,3}}(?:[{_SPACES}][0-9]{{3}})+)(?:[.,]([0-9]+))?", re.ASCII)
_NOT_DIGITS = str.maketrans(",", ".", _SPACES)
INCOMPLETE = _("This form is incomplete. Open the page again.")
ONE_IS_GONE = _("One of these groups is no longer there. Choose them again.")
DECIMALS = 2
LARGEST_BONUS = Decimal(1_000_000)
NAME_LENGTH = 100
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
    """A percent from 0 to 100, with or without its sign."""

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
