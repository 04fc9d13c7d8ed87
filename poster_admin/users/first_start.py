"""Let the first owner of an installation be made in the browser, by a link that the server prints.

It ends with the first user, after a day, and when a server starts, which prints another one.
"""

import base64
import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from poster_admin.common.client_ip import client_network
from poster_admin.common.pages import render_form
from poster_admin.users import limits
from poster_admin.users.accounts import set_role
from poster_admin.users.models import Guide, SetupLink
from poster_admin.users.people import NewPersonForm, email_field, full_name_field, set_name
from poster_admin.users.views import form_methods

LIFE = timedelta(hours=24)
MOST_WRONG = 20
"""Wrong links an hour from one network: nobody mistypes as many."""


def new_link() -> str:
    """Return the whole address of a new link, which ends the one before; empty if there is a user."""
    if User.objects.exists():
        return ""
    # 160 bits in the shape of a code, which every log masks: `logs.mask`.
    token = base64.b32encode(secrets.token_bytes(20)).decode()
    with transaction.atomic():
        SetupLink.objects.all().delete()
        SetupLink.objects.create(digest=_digest(token))
    return site_address() + reverse("setup", args=[token])


def site_address() -> str:
    """Return the address of the site as people reach it, as far as the settings say."""
    if settings.SITE_URL:
        return str(settings.SITE_URL).rstrip("/")
    hosts = [host for host in settings.ALLOWED_HOSTS if not host.startswith((".", "*"))]
    host = hosts[0] if hosts else settings.ALLOWED_HOSTS[0].lstrip(".").replace("*", "localhost")
    return f"https://{host}" if settings.HTTPS else f"http://{host}:{settings.PORT}"


def holds(token: str) -> bool:
    link = SetupLink.objects.filter(digest=_digest(token)).first()
    return link is not None and timezone.now() - link.made_at < LIFE


def _digest(token: str) -> str:
    # Nobody can guess 160 random bits: a fast digest is enough.
    return hashlib.sha256(token.encode()).hexdigest()


class FirstOwnerForm(BaseUserCreationForm):  # type: ignore[type-arg]  # it takes none at run time
    full_name = full_name_field("name", required=True)
    email = email_field("email")
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


@login_not_required
@sensitive_variables()
@sensitive_post_parameters("password1", "password2")
@form_methods
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """Make the first owner, and sign that user in; nobody else finds the page."""
    if User.objects.exists():
        raise Http404
    if not holds(token):
        limits.count("setup by network", client_network(request), MOST_WRONG)
        raise Http404
    form = FirstOwnerForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render_form(request, "users/setup.html", form)
    owner: User = form.save(commit=False)
    set_name(owner, form.cleaned_data["full_name"])
    owner.is_superuser = True  # the Administrator too
    with transaction.atomic():
        # The row of the link is the lock for forms that are sent at once.
        SetupLink.objects.select_for_update().filter(digest=_digest(token)).first()
        if User.objects.exists() or not holds(token):
            raise Http404
        owner.save()
        set_role(owner, "Owners")
        SetupLink.objects.all().delete()
        Guide.objects.create(user=owner)
    login(request, owner, backend=settings.SIGN_IN_BACKEND)
    return redirect("groups:account")
