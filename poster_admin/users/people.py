"""The people who use the dashboard, for those who manage them: roles, sign-ins, and the ways to help them."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

from axes.utils import reset as reset_locks
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import Group, User
from django.core import signing
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, Max, OuterRef, Prefetch, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from poster_admin.common.pages import page_at, page_param, render_form, render_page
from poster_admin.users import accounts, lockout, password_links, security_log, sessions, two_factor
from poster_admin.users.accounts import ADMINISTRATORS, ROLE_LABELS
from poster_admin.users.models import EventKind, Passkey, TOTPDevice
from poster_admin.users.pages import UserRequest
from poster_admin.users.security_log import detail_words, lines_for
from poster_admin.users.sessions import ask_to_confirm, recently_confirmed
from poster_admin.users.views import form_methods

CHANGE_USER = "auth.change_user"
# The steps that take something from a person, as `step` in the address; each is shown before it is taken.
STEPS = ("password", "block", "sign-out", "second-factor")
# Letters and digits that nobody mistakes for one another when a password is read aloud or copied by hand.
SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Person:
    user: User
    role: str
    role_label: str
    last_seen: datetime | None
    second_factor: bool
    account: str
    token_works: bool
    is_locked: bool

    @property
    def name(self) -> str:
        return accounts.name_of(self.user)

    @property
    def can_be_invited(self) -> bool:
        """True if the person was invited and has neither chosen nor been given a password since."""
        return password_links.can_be_invited(self.user) and hasattr(self.user, "invitation")


def with_details(users: QuerySet[User]) -> QuerySet[User]:
    confirmed = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
    has_factor = Exists(confirmed) | Exists(Passkey.objects.filter(user=OuterRef("pk")))
    return (
        users.annotate(seen_at=Max("sign_ins__seen_at"), has_factor=has_factor)
        .prefetch_related(Prefetch("groups", Group.objects.filter(name__in=settings.ROLES), to_attr="roles"))
        .order_by("first_name", "last_name", "username")
    )


def as_people(users: Iterable[User]) -> list[Person]:
    """Return users of `with_details` as people, with one query of their connections."""
    users = list(users)
    found = accounts.connections().filter(user__in=users).values_list("user", "account", "refused_at")
    connected = {user_id: (account, refused_at is None) for user_id, account, refused_at in found}
    locked, people = lockout.locked_names([user.get_username() for user in users]), []
    row: Any  # a user with what `with_details` has added
    for row in users:
        account, token_works = connected.get(row.pk, ("", False))
        # The one with the most rights.
        role = max((role.name for role in row.roles), key=settings.ROLES.index, default="")
        if row.is_superuser:
            role = ADMINISTRATORS
        person = Person(
            user=row,
            role=role,
            role_label=str(ROLE_LABELS.get(role, "")),
            last_seen=max(filter(None, (row.last_login, row.seen_at)), default=None),
            second_factor=row.has_factor,
            account=account,
            token_works=token_works,
            is_locked=row.get_username() in locked,
        )
        people.append(person)
    return people


def set_name(user: User, full_name: str) -> None:
    """Split a name as Django keeps it; the caller saves the user."""
    user.first_name, _space, user.last_name = " ".join(full_name.split()).partition(" ")


def change(user: User, full_name: str, email: str, role: str) -> None:
    with transaction.atomic():
        set_name(user, full_name)
        user.email = email
        user.is_superuser = role == ADMINISTRATORS
        user.save(update_fields=["first_name", "last_name", "email", "is_superuser"])
        accounts.set_role(user, role)


def new_password() -> str:
    """Return about 79 random bits."""
    return "-".join("".join(secrets.choice(SIGNS) for _each in range(4)) for _group in range(4))


def sign_out(user: User) -> int:
    ended = sessions.end(user)
    security_log.record(EventKind.SESSIONS_ENDED, about=user.get_username(), detail=str(ended))
    return ended


# --- Forms ---------------------------------------------------------------------------------------------

_signer = signing.Signer(salt="users.forms.person.version")


def full_name_field(autocomplete: str, *, required: bool) -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("First name and last name"),
        max_length=150,
        required=required,
        error_messages={"required": gettext_lazy("Enter the name.")},
        widget=forms.TextInput(attrs={"autocomplete": autocomplete}),
    )


def email_field(autocomplete: str) -> forms.EmailField:
    return forms.EmailField(
        label=gettext_lazy("E-mail"),
        required=False,
        max_length=254,
        help_text=gettext_lazy("Optional."),
        error_messages={"invalid": gettext_lazy("Enter an address such as olena@example.com, or nothing.")},
        widget=forms.EmailInput(attrs={"autocomplete": autocomplete}),
    )


class PersonForm(forms.Form):
    """Name, address and role of a user; `version` has the values that the form was opened on."""

    version = forms.CharField(required=False, widget=forms.HiddenInput)
    full_name = full_name_field("off", required=False)
    email = email_field("off")
    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose a role.")},
    )

    def __init__(self, *args: Any, manager: User, person: Person | None = None, **kwargs: Any) -> None:
        if person is not None:
            name, email = person.user.get_full_name(), person.user.email
            values = {"full_name": name, "email": email, "role": person.role}
            kwargs["initial"] = {**values, "version": _signer.sign_object(values)}
        super().__init__(*args, **kwargs)
        role: Any = self.fields["role"]
        role.choices = [
            each for each in ROLE_LABELS.items() if manager.is_superuser or each[0] != ADMINISTRATORS
        ]
        if settings.COMPANY_ROLES:
            self.fields["role"].help_text = gettext_lazy(
                "A sign-in through the company replaces it by the company's role."
            )

    @property
    def is_moved_on(self) -> bool:
        """Return True if the person was changed since the form was opened, and not to what was typed."""
        changed = {*self.changed_data}
        return bool(self.cleaned_data["version"]) and "version" in changed and changed != {"version"}

    @property
    def theirs(self) -> list[tuple[str, str]]:
        values = {**self.initial, "role": ROLE_LABELS.get(self.initial["role"], "")}
        return [(str(self[name].label), str(values[name])) for name in ("full_name", "email", "role")]

    def renew_version(self) -> None:
        """Fill the form with the present values, and with those that the user has changed."""
        try:
            opened = _signer.unsign_object(self.cleaned_data["version"])
        except signing.BadSignature:
            opened = {}  # then all of it was typed
        typed = {name: self[name].data for name in self.initial if name != "version"}
        typed = {name: value for name, value in typed.items() if opened.get(name) != value}
        self.data = {**self.initial, **typed}


class NewPersonForm(PersonForm):
    version = None  # type: ignore[assignment]  # as Django takes a field away
    TAKEN = gettext_lazy(
        "Somebody signs in by this name already. Choose another one. "
        "If you have just created this person, give a new password on their page."
    )

    username = forms.CharField(
        label=gettext_lazy("Name for the sign-in"),
        max_length=150,
        validators=[User.username_validator],
        help_text=gettext_lazy("Letters, digits and . + - _ @, without spaces. It cannot be changed later."),
        error_messages={"required": gettext_lazy("Enter a name for the sign-in.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    full_name = full_name_field("off", required=True)
    field_order = ("full_name", "username", "email", "role")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_bound:  # else the summary of the errors takes the focus
            self.fields["full_name"].widget.attrs["autofocus"] = True
        if settings.EMAIL_ENABLED:
            self.fields["email"].help_text = gettext_lazy("Optional. The invitation goes there.")

    def clean_username(self) -> str:
        name: str = User.normalize_username(self.cleaned_data["username"])
        if User.objects.filter(username__iexact=name).exists():
            raise ValidationError(self.TAKEN)
        return name


# --- Pages ---------------------------------------------------------------------------------------------


def manages_people(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Allow only users who may change users, and ask for the password again."""

    @wraps(view)
    def guarded(request: UserRequest, **kwargs: Any) -> HttpResponse:
        if not request.user.has_perm(CHANGE_USER):
            raise PermissionDenied
        if not recently_confirmed(request):
            return ask_to_confirm(request, back=page_at(request.get_full_path()))
        return view(request, **kwargs)

    return guarded


@require_safe
def person_list(request: UserRequest) -> HttpResponse:
    """Show the people, or the security log, each to those who have the right to it."""
    if "log" in request.GET:
        if not request.user.has_perm("users.view_securityevent"):
            raise PermissionDenied
        kind, events = request.GET.get("kind", ""), lines_for(request.user)
        log = page_param(request, events.filter(kind=kind) if kind in EventKind else events)
        lines = [(event, detail_words(event)) for event in log]
        context = {"page": log, "lines": lines, "kinds": EventKind.choices, "kind": kind}
        return render_page(request, "users/security_log.html", context)
    if not request.user.has_perm(CHANGE_USER):
        raise PermissionDenied
    managed = Exists(accounts.managed_by(request.user).filter(pk=OuterRef("pk")))
    seen = with_details(accounts.seen_by(request.user)).annotate(is_managed=managed)
    page = page_param(request, seen)
    rows = [(person, person.user.is_managed) for person in as_people(page.object_list)]  # type: ignore[attr-defined]  # annotated
    return render_page(request, "users/people.html", {"page": page, "rows": rows})


@form_methods
@manages_people
@sensitive_variables("password", "context")
def person_new(request: UserRequest) -> HttpResponse:
    """Create a user, and send an invitation; without mail show the password, this once."""
    form = NewPersonForm(request.POST if request.method == "POST" else None, manager=request.user)
    if form.is_valid():
        typed, password = form.cleaned_data, new_password()  # kept nowhere else
        user = User(username=typed["username"], email=typed["email"])
        set_name(user, typed["full_name"])
        user.is_superuser = typed["role"] == ADMINISTRATORS
        user.set_password(password)
        try:
            with transaction.atomic():
                user.save()
                accounts.set_role(user, typed["role"])
        except IntegrityError:  # another form was sooner
            form.add_error("username", form.TAKEN)
    if not form.is_valid():
        return render_form(request, "users/person_new.html", form, by_mail=settings.EMAIL_ENABLED)
    by_mail = password_links.can_be_invited(user)
    if by_mail and password_links.invite(request, user):
        text = _("“%(name)s” was created and invited by mail.")
        messages.success(request, text % {"name": accounts.name_of(user)})
        return redirect("people:person", user.pk)
    context = {"person": user, "password": password, "new": True, "not_sent": by_mail}
    return render_page(request, "users/person_password.html", context)


@form_methods
@manages_people
@transaction.atomic
def person_detail(request: UserRequest, user_id: int) -> HttpResponse:
    """Edit a person, or take one of the STEPS."""
    person, step = manageable(request, user_id), request.GET.get("step", "")
    if step == "unlock" and request.method == "POST":
        reset_locks(username=person.user.get_username())
        security_log.record(EventKind.UNLOCKED, about=person.user.get_username())
        messages.success(request, _("“%(name)s” can try the password again.") % {"name": person.name})
        return redirect("people:person", user_id)
    open_sessions = len(sessions.sessions_of(person.user))
    context: dict[str, Any] = {"person": person, "open_sessions": open_sessions}
    if step in STEPS:
        if request.method == "POST":
            return take(request, person, step, open_sessions)
        return render_page(request, "users/person_question.html", {**context, "step": step})
    form = PersonForm(request.POST if request.method == "POST" else None, manager=request.user, person=person)
    if not form.is_valid():
        return render_form(request, "users/person.html", form, **context)
    if form.is_moved_on:
        form.renew_version()
        context |= {"form": form, "moved_on": True}
        return render_page(request, "users/person.html", context, status=409)
    typed = form.cleaned_data
    change(person.user, typed["full_name"], typed["email"], typed["role"])
    messages.success(request, _("The changes of “%(name)s” were saved.") % {"name": person.name})
    return redirect("people:list")


@sensitive_variables("context")
def take(request: UserRequest, person: Person, step: str, open_sessions: int) -> HttpResponse:
    match step:
        case "password":
            context: dict[str, Any] = {"person": person.user, "signed_out": bool(open_sessions)}
            # Shown once, and kept nowhere else.
            context["password"] = new_password()
            accounts.set_password(person.user, context["password"])
            sign_out(person.user)
            return render_page(request, "users/person_password.html", context)
        case "block":  # the form says which of both, so that a double click does not undo it
            person.user.is_active = request.POST.get("active") == "1"
            person.user.save(update_fields=["is_active"])  # ends all sessions of somebody who is blocked
            text = _("“%(name)s” can sign in again.")
            if not person.user.is_active:
                text = _("“%(name)s” is blocked.")
                if open_sessions:
                    text = _("“%(name)s” is blocked and signed out.")
            messages.success(request, text % {"name": person.name})
        case "sign-out":
            if ended := sign_out(person.user):
                text = ngettext("%(count)s session was ended.", "%(count)s sessions were ended.", ended)
                messages.success(request, text % {"count": ended})
            else:
                messages.info(request, _("There was no session to end."))
        case "second-factor":  # and the passkeys of a lost phone, with the sessions that they opened
            two_factor.remove(person.user)
            sign_out(person.user)
            text = _("The second factor of “%(name)s” was removed.")
            messages.success(request, text % {"name": person.name})
    return redirect("people:person", person.user.pk)


@require_POST
@manages_people
def person_invite(request: UserRequest, user_id: int) -> HttpResponse:
    person, level = manageable(request, user_id), messages.ERROR
    if not person.can_be_invited:
        text = _("No invitation was sent: the person has a password by now, or no e-mail address.")
    elif password_links.invite(request, person.user):
        level, text = messages.SUCCESS, _("“%(name)s” was invited by mail.") % {"name": person.name}
    else:
        text = _(
            "No invitation was sent: the mail server did not take it. Try again later, or give a password."
        )
    messages.add_message(request, level, text)
    return redirect("people:person", user_id)


def manageable(request: UserRequest, user_id: int) -> Person:
    if accounts.lock_managed(request.user, user_id) is None:
        if accounts.seen_by(request.user).filter(pk=user_id).exists():
            raise PermissionDenied
        raise Http404
    return as_people(with_details(User.objects.filter(pk=user_id)))[0]
