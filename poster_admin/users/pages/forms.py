"""Forms for passwords, for codes of the second factor, and for the people who use the dashboard."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.forms import BaseUserCreationForm, PasswordChangeForm
from django.contrib.auth.models import User
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.debug import sensitive_variables

from poster_admin.users.pages import people
from poster_admin.users.sign_in.password_reset import NewPasswordForm

_signer = signing.Signer(salt="users.forms.person.version")


class PasswordForm(forms.Form):
    """Ask for the user's own password again."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
        error_messages={"required": _("Enter your password.")},
    )


class OwnPasswordForm(NewPasswordForm, PasswordChangeForm):
    """Change the user's own password; wrong old passwords count as failed sign-ins and lock the form."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    @sensitive_variables()
    def clean_old_password(self) -> str:
        """Check the old password. A user whom the company signs in has none here, and may not set one."""
        password: str = self.cleaned_data["old_password"]
        found = None
        if self.user.has_usable_password():
            found = authenticate(self.request, username=self.user.get_username(), password=password)
        if found is None or found != self.user:
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        self.user.password = found.password  # an older hash was renewed just now
        return password


class CodeForm(forms.Form):
    """Ask for a code of the app, or a recovery code."""

    code = forms.CharField(
        label=_("Code"),
        max_length=64,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
        error_messages={"required": _("Enter the code.")},
    )

    def __init__(self, *args: Any, hint: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = hint


class PasskeyForm(forms.Form):
    """Name a new passkey; the script of the page adds what the device has answered."""

    name = forms.CharField(
        label=pgettext_lazy("of a passkey", "Name"),
        max_length=64,
        help_text=_("So that you know it again, such as the phone that keeps it."),
        error_messages={"required": _("Enter a name.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
    credential = forms.CharField(required=False, widget=forms.HiddenInput)


class FullNameField(forms.CharField):
    """A first and a last name, with one space between words."""

    def __init__(self, autocomplete: str, *, required: bool) -> None:
        super().__init__(
            label=_("First name and last name"),
            max_length=150,
            required=required,
            error_messages={"required": _("Enter the name.")},
            widget=forms.TextInput(attrs={"autocomplete": autocomplete}),
        )

    def clean(self, value: Any) -> str:
        return " ".join(super().clean(value).split())


def _email_field(autocomplete: str) -> forms.EmailField:
    return forms.EmailField(
        label=_("E-mail"),
        required=False,
        max_length=254,
        help_text=_("Optional."),
        error_messages={"invalid": _("Enter an address such as olena@example.com, or nothing.")},
        widget=forms.EmailInput(attrs={"autocomplete": autocomplete}),
    )


class PersonForm(forms.Form):
    """Name, address and role of a user; somebody without a name may stay so.

    `version` has the values that the form was opened on.
    """

    version = forms.CharField(required=False, widget=forms.HiddenInput)
    full_name = FullNameField("off", required=False)
    email = _email_field("off")
    role = forms.ChoiceField(
        label=_("Role"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose a role.")},
    )

    def __init__(self, *args: Any, manager: User, person: people.Person | None = None, **kwargs: Any) -> None:
        if person is not None:
            kwargs["initial"] = {**person.values, "version": _signer.sign_object(person.values)}
        super().__init__(*args, **kwargs)
        role: Any = self.fields["role"]
        role.choices = people.roles_given_by(manager)
        if settings.COMPANY_ROLES:
            self.fields["role"].help_text = _(
                "A sign-in through the company replaces it by the company's role."
            )

    @property
    def is_moved_on(self) -> bool:
        """Return True if the person was changed since the form was opened, and not to what was typed."""
        changed = {*self.changed_data}
        return bool(self.cleaned_data["version"]) and "version" in changed and changed != {"version"}

    @property
    def theirs(self) -> list[tuple[str, str]]:
        """The present values of the person, each with the label of its field."""
        values = {**self.initial, "role": people.ROLE_LABELS.get(self.initial["role"], "")}
        return [(str(self[name].label), str(values[name])) for name in ("full_name", "email", "role")]

    def renew_version(self) -> None:
        """Fill the form with the present values, and with those that the user typed."""
        try:
            opened = _signer.unsign_object(self.cleaned_data["version"])
        except signing.BadSignature:
            opened = {}  # then all of it was typed
        typed = {name: self[name].data for name in self.initial if name != "version"}
        typed = {name: value for name, value in typed.items() if opened.get(name) != value}
        self.data = {**self.initial, **typed}


class NewPersonForm(PersonForm):
    """A new user: the name for the sign-in too."""

    version = None  # type: ignore[assignment]  # as Django takes a field away
    TAKEN = _(
        "Somebody signs in by this name already. Choose another one. "
        "If you have just created this person, give a new password on their page."
    )

    username = forms.CharField(
        label=_("Name for the sign-in"),
        max_length=150,
        validators=[User.username_validator],
        help_text=_("Letters, digits and . + - _ @, without spaces. It cannot be changed later."),
        error_messages={"required": _("Enter a name for the sign-in.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    field_order = ("full_name", "username", "email", "role")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["full_name"].required = True
        if not self.is_bound:  # else the summary of the errors takes the focus
            self.fields["full_name"].widget.attrs["autofocus"] = True
        if settings.EMAIL_ENABLED:
            self.fields["email"].help_text = _("Optional. The invitation goes there.")

    def clean_username(self) -> str:
        name: str = User.normalize_username(self.cleaned_data["username"])
        if User.objects.filter(username__iexact=name).exists():
            raise ValidationError(self.TAKEN)
        return name

    @sensitive_variables()
    def create(self) -> tuple[User, str] | None:
        """Create the person, as `people.create` does; None if another form of that name was sooner."""
        try:
            return people.create(**self.cleaned_data)
        except IntegrityError:
            self.add_error("username", self.TAKEN)
            return None


class FirstOwnerForm(BaseUserCreationForm):  # type: ignore[type-arg]  # it takes none at run time
    """The first owner, who chooses name and password."""

    full_name = FullNameField("name", required=True)
    email = _email_field("email")
    field_order = ("full_name", "username", "email", "password1", "password2")

    class Meta(BaseUserCreationForm.Meta):
        fields = ("username", "email")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name, first, second = (self.fields[each] for each in ("username", "password1", "password2"))
        name.label = NewPersonForm.base_fields["username"].label
        name.help_text = NewPersonForm.base_fields["username"].help_text
        name.error_messages["required"] = _("Enter a name for the sign-in.")
        first.help_text = _(
            "Twelve characters or more. A few words that nobody would guess are easier to remember "
            "than signs."
        )
        second.help_text = ""
        name.widget.attrs.pop("autofocus", None)
        if not self.is_bound:  # else the summary of the errors takes the focus
            self.fields["full_name"].widget.attrs["autofocus"] = True

    @sensitive_variables()
    def owner(self) -> User:
        """Return the user, who is not saved yet."""
        user: User = self.save(commit=False)
        people.set_name(user, self.cleaned_data["full_name"])
        return user
