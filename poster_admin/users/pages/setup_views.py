"""View of the link that a server prints on a database without users."""

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters

from poster_admin.common.htmx import render_form
from poster_admin.users.pages.forms import FirstOwnerForm
from poster_admin.users.pages.views import form_methods
from poster_admin.users.sign_in import first_start, rates


@login_not_required
@sensitive_post_parameters("password1", "password2")
@form_methods
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """Make the first owner, and sign that user in; nobody else finds the page."""
    if User.objects.exists():
        raise Http404
    if not first_start.holds(token):
        rates.count_setup(request)
        raise Http404
    form = FirstOwnerForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render_form(request, "users/setup.html", form)
    owner = first_start.make_owner(token, form.owner())
    if owner is None:
        raise Http404
    login(request, owner, backend=settings.SIGN_IN_BACKEND)
    return redirect(settings.FIRST_PAGE)
