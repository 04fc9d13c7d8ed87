"""Views of the notices: the user's own choices, and the user's chat in Telegram."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from groups import hooks
from groups.features.notices import services
from groups.features.notices.forms import NoticesForm, TelegramForm
from groups.features.notices.models import Delivery, Notice, TelegramChat
from groups.features.notices.services import TRIAL, VIEW_GROUP
from groups.presenters.settings_pages import USER, SettingsPage
from groups.views.http import Request, form_methods, requires
from poster_admin.common.htmx import render_form
from poster_admin.users.sessions import ask_to_confirm, recently_confirmed


@form_methods
@requires("view_group")
def notices(request: Request) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    form = NoticesForm(data, chosen=services.choices_of(request.user))
    if form.is_valid():
        services.choose_notices(request.user, form.cleaned_data)
        messages.success(request, _("Your choice was saved."))
        return redirect("groups:notices")

    context: dict[str, Any] = {}
    if chat := TelegramChat.objects.filter(user=request.user).first():
        sent = Delivery.objects.exclude(state=Delivery.State.DROPPED).filter(user=request.user)
        trials = Notice.objects.waiting().filter(user=request.user, kind=TRIAL)
        context = {
            "chat": chat,
            "last": sent.filter(tried_at__gt=chat.set_at).order_by("tried_at").last(),
            "trial_on_its_way": trials.exclude(delivery__tries__gt=0).exists(),
        }
    elif not settings.EMAIL_ENABLED:
        context = {"mail_problem": "off"}
    elif not request.user.email:
        context = {"mail_problem": "no_address"}
    return render_form(request, "notices/notices.html", form, fragment="telegram", **context)


@sensitive_post_parameters("token", "chat")
@form_methods
@requires("view_group")
def telegram_chat(request: Request) -> HttpResponse:
    if not recently_confirmed(request):
        return ask_to_confirm(request)
    form = TelegramForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        services.set_chat(request.user, **form.cleaned_data)
        return telegram_trial(request)
    return render_form(request, "notices/telegram.html", form)


@require_POST
@requires("view_group")
def telegram_trial(request: Request) -> HttpResponse:
    """Let the worker send a notice of nothing; the page of notices says whether it has arrived."""
    services.write_trial(request.credentials)
    return redirect("groups:notices")


@require_POST
@requires("view_group")
def telegram_remove(request: Request) -> HttpResponse:
    services.remove_chat(request.user)
    messages.success(request, _("The chat was removed: notices come by mail again."))
    return redirect("groups:notices")


@hooks.settings_pages()
def settings_of_notices(user: User) -> list[SettingsPage]:
    words = _("By mail or in Telegram.")
    page = SettingsPage(USER, _("Notices"), reverse("groups:notices"), words, "bell")
    return [page] if user.has_perm(VIEW_GROUP) else []


hooks.form_addresses("telegram_trial", "telegram_remove")
