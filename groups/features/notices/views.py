"""Views of the notices: the user's own choices, and the user's chat in Telegram."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from groups.features.notices.forms import NoticesForm, TelegramForm
from groups.features.notices.presenters import about_chat
from groups.features.notices.services import outbox, telegram
from groups.views.http import Request, form_methods, requires
from poster_admin.common.htmx import render_form
from poster_admin.users.sign_in.reauthentication import ask_to_confirm, recently_confirmed


@form_methods
@requires("view_group")
def notices(request: Request) -> HttpResponse:
    """Show and store how the user is notified of each kind of event."""
    data = request.POST if request.method == "POST" else None
    form = NoticesForm(data, chosen=outbox.choices_of(request.user))
    if form.is_valid():
        outbox.choose_notices(request.user, form.cleaned_data)
        messages.success(request, _("Your choice was saved."))
        return redirect("groups:notices")
    return render_form(request, "notices/notices.html", form, fragment="telegram", **about_chat(request.user))


@sensitive_post_parameters("token", "chat")
@form_methods
@requires("view_group")
def telegram_chat(request: Request) -> HttpResponse:
    """Set the chat for the user's notices, and try it."""
    if not recently_confirmed(request):
        return ask_to_confirm(request)
    form = TelegramForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        telegram.set_chat(request.user, **form.cleaned_data)
        return telegram_trial(request)
    return render_form(request, "notices/telegram.html", form)


@require_POST
@requires("view_group")
def telegram_trial(request: Request) -> HttpResponse:
    """Let the worker send a notice of nothing; the page of notices says whether it has arrived."""
    outbox.write_trial(request.credentials)
    return redirect("groups:notices")


@require_POST
@requires("view_group")
def telegram_remove(request: Request) -> HttpResponse:
    """Forget the chat: notices come by mail again."""
    telegram.remove_chat(request.user)
    messages.success(request, _("The chat was removed: notices come by mail again."))
    return redirect("groups:notices")
