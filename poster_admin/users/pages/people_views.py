"""Views for those who manage the dashboard's users: the list, one person, a new one."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from poster_admin.common.htmx import render_form, render_page
from poster_admin.common.pages import page_at
from poster_admin.common.paging import page_asked_for
from poster_admin.users import accounts, sessions
from poster_admin.users.pages import people
from poster_admin.users.pages.forms import NewPersonForm, PersonForm
from poster_admin.users.pages.views import Request, form_methods
from poster_admin.users.sign_in import invitations
from poster_admin.users.sign_in.reauthentication import ask_to_confirm, recently_confirmed

type View[**P] = Callable[Concatenate[Request, P], HttpResponse]


def manages_people[**P](view: View[P]) -> View[P]:
    """Allow only users who may change users, and ask for the password again."""

    @wraps(view)
    def guarded(request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.has_perm(people.CHANGE_USER):
            raise PermissionDenied
        if not recently_confirmed(request):
            return ask_to_confirm(request, back=page_at(request.path))
        return view(request, *args, **kwargs)

    return guarded


@require_safe
@permission_required(people.CHANGE_USER, raise_exception=True)
def person_list(request: Request) -> HttpResponse:
    """Show the people whom the user may see, with their roles and how they are signed in."""
    managed = Exists(accounts.managed_by(request.user).filter(pk=OuterRef("pk")))
    seen = people.with_details(accounts.seen_by(request.user)).annotate(is_managed=managed)
    page = page_asked_for(request, seen)
    rows = [(person, person.user.is_managed) for person in people.as_people(page.object_list)]  # type: ignore[attr-defined]  # annotated
    return render_page(request, "users/people.html", {"page": page, "rows": rows})


@form_methods
@manages_people
@sensitive_variables("password", "created")
def person_new(request: Request) -> HttpResponse:
    """Create a user, and send an invitation.

    Without mail show the password once: no page and no message shows it again.
    """
    form = NewPersonForm(request.POST if request.method == "POST" else None, manager=request.user)
    if form.is_valid() and (created := form.create()):
        user, password = created
        by_mail = invitations.can_be_invited(user)
        if by_mail and invitations.send(request, user):
            messages.success(
                request, _("“%(name)s” was created and invited by mail.") % {"name": accounts.name_of(user)}
            )
            return redirect("people:person", user.pk)
        context = {"person": user, "password": password, "new": True, "not_sent": by_mail}
        return render_page(request, "users/person_password.html", context)
    return render_form(request, "users/person_new.html", form, by_mail=settings.EMAIL_ENABLED)


@form_methods
@manages_people
@transaction.atomic
def person_detail(request: Request, user_id: int) -> HttpResponse:
    """Show one user, and change name, address and role, if they are still those of the opened form."""
    person = manageable(request, user_id)
    form = PersonForm(request.POST if request.method == "POST" else None, manager=request.user, person=person)
    open_sessions = len(sessions.sessions_of(person.user))
    context: dict[str, Any] = {"person": person, "open_sessions": open_sessions}
    if not form.is_valid():
        return render_form(request, "users/person.html", form, **context)
    if form.is_moved_on:
        form.renew_version()
        context |= {"form": form, "moved_on": True}
        return render_page(request, "users/person.html", context, status=409)
    typed = form.cleaned_data
    people.change(person.user, typed["full_name"], typed["email"], typed["role"])
    messages.success(request, _("The changes of “%(name)s” were saved.") % {"name": person.name})
    return redirect("people:list")


@require_POST
@manages_people
def person_invite(request: Request, user_id: int) -> HttpResponse:
    """Send the invitation again to somebody who has no password yet."""
    person = manageable(request, user_id)
    if not person.can_be_invited:
        text = _("No invitation was sent: the person has a password by now, or no e-mail address.")
        messages.error(request, text)
    elif invitations.send(request, person.user):
        messages.success(request, _("“%(name)s” was invited by mail.") % {"name": person.name})
    else:
        text = _(
            "No invitation was sent: the mail server did not take it. Try again later, or give a password."
        )
        messages.error(request, text)
    return redirect("people:person", user_id)


def asks_before(step: str) -> Callable[[Callable[[Request, people.Person], HttpResponse]], View[[int]]]:
    """Make a view that takes something from a person ask first: a GET shows what ends and what stays."""

    def decorate(view: Callable[[Request, people.Person], HttpResponse]) -> View[[int]]:
        @form_methods
        @manages_people
        @transaction.atomic
        @wraps(view)
        def asked(request: Request, user_id: int) -> HttpResponse:
            person = manageable(request, user_id)
            if request.method == "POST":
                return view(request, person)
            open_sessions = len(sessions.sessions_of(person.user))
            context = {"person": person, "step": step, "open_sessions": open_sessions}
            return render_page(request, "users/person_question.html", context)

        return asked

    return decorate


@asks_before("password")
@sensitive_variables("password")
def person_password(request: Request, person: people.Person) -> HttpResponse:
    """Give a user a new password, and show it once."""
    context = {"person": person.user, "signed_out": bool(sessions.sessions_of(person.user))}
    context["password"] = people.give_password(person.user)
    return render_page(request, "users/person_password.html", context)


@asks_before("block")
def person_block(request: Request, person: people.Person) -> HttpResponse:
    """Block a user, or let them in again: the form says which, so that a double click does not undo it."""
    open_sessions = sessions.sessions_of(person.user)
    people.set_active(person.user, active=request.POST.get("active") == "1")
    if person.user.is_active:
        text = _("“%(name)s” can sign in again.")
    elif open_sessions:
        text = _("“%(name)s” is blocked and signed out.")
    else:
        text = _("“%(name)s” is blocked.")
    messages.success(request, text % {"name": person.name})
    return redirect("people:person", person.user.pk)


@asks_before("sign-out")
def person_sign_out(request: Request, person: people.Person) -> HttpResponse:
    """End all sessions of a user."""
    ended = people.sign_out(person.user)
    if ended:
        text = ngettext("%(count)s session was ended.", "%(count)s sessions were ended.", ended)
        messages.success(request, text % {"count": ended})
    else:
        messages.info(request, _("There was no session to end."))
    return redirect("people:person", person.user.pk)


@asks_before("second-factor")
def person_second_factor(request: Request, person: people.Person) -> HttpResponse:
    """Remove the second factor of a user who lost the phone."""
    people.reset_second_factor(person.user)
    messages.success(request, _("The second factor of “%(name)s” was removed.") % {"name": person.name})
    return redirect("people:person", person.user.pk)


def manageable(request: Request, user_id: int) -> people.Person:
    """Return a person whom the user of the request may change, locked until the transaction ends.

    People whom the user does not see are not found.
    """
    if accounts.lock_managed(request.user, user_id) is None:
        if accounts.seen_by(request.user).filter(pk=user_id).exists():
            raise PermissionDenied
        raise Http404
    return people.as_people(people.with_details(User.objects.filter(pk=user_id)))[0]
