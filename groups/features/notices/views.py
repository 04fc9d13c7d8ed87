"""Views of the notices: the user's own choices, and the webhook of the account."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from groups.features.notices.forms import NoticesForm, WebhookForm
from groups.features.notices.models import SendFailed
from groups.features.notices.presenters import about_webhook, mail_problem
from groups.features.notices.services import outbox, trial, webhooks
from groups.features.notices.services.addresses import AddressRefused
from groups.features.notices.services.outbox import SET_WEBHOOK
from groups.services.events import event_sources
from groups.services.gateway import check_token
from groups.views.http.requests import Request, form_methods, requires
from poster_admin.common.htmx import render_form, render_page
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
    context: dict[str, Any] = {"mail_problem": mail_problem(request.user)}
    if request.user.has_perm(SET_WEBHOOK) and not request.credentials.refused_at:
        context |= {"may_set_webhook": True, **about_webhook(webhooks.webhook_of(request.credentials))}
    return render_form(request, "notices/notices.html", form, **context)


@sensitive_post_parameters("address")
@form_methods
@requires("set_webhook", "view_group")
@sensitive_variables("secret")
def webhook(request: Request) -> HttpResponse:
    """Set the address of the webhook and what it is notified of; a new secret is shown once."""
    check_token(request.credentials)
    if not recently_confirmed(request):
        return ask_to_confirm(request)
    present = webhooks.webhook_of(request.credentials)
    data = request.POST if request.method == "POST" else None
    kinds = list(present.kinds) if present else [source.kind for source in event_sources]
    form = WebhookForm(data, shown=present.shown if present else "", kinds=kinds)
    if form.is_valid():
        try:
            secret = webhooks.save_webhook(request.credentials, **form.cleaned_data)
        except AddressRefused as refused:
            form.add_error("address", str(refused.reason.label))
        else:
            return _show_secret(request, secret)
    waiting = webhooks.count_waiting(present) if present else 0
    return render_form(request, "notices/webhook.html", form, waiting=waiting)


@form_methods
@requires("set_webhook", "view_group")
@sensitive_variables("secret")
def webhook_secret(request: Request) -> HttpResponse:
    """Ask first; then give the webhook another secret, and show it once."""
    check_token(request.credentials)
    if not recently_confirmed(request):
        return ask_to_confirm(request)
    if request.method == "POST":
        secret = webhooks.renew_secret(request.credentials, key=request.POST.get("key", ""))
        if secret:
            return _show_secret(request, secret)
    return _ask(request, "secret")


@form_methods
@requires("set_webhook", "view_group")
def webhook_remove(request: Request) -> HttpResponse:
    """Ask first; then remove the webhook, with the notices that wait for it."""
    check_token(request.credentials)
    if request.method == "POST" and webhooks.remove_webhook(
        request.credentials, key=request.POST.get("key", "")
    ):
        messages.success(request, _("The webhook was removed."))
        return redirect("groups:notices")
    return _ask(request, "remove")


def _ask(request: Request, step: str) -> HttpResponse:
    """Show what ends and what stays; after a form about another webhook than there is now, say so too."""
    present = webhooks.webhook_of(request.credentials)
    if present is None:
        return redirect("groups:notices")
    moved_on = request.method == "POST"
    context = {
        "step": step,
        "webhook": present,
        "waiting": webhooks.count_waiting(present),
        "moved_on": moved_on,
    }
    return render_page(request, "notices/webhook_question.html", context, status=409 if moved_on else 200)


@require_POST
@requires("set_webhook", "view_group")
def webhook_trial(request: Request) -> HttpResponse:
    """Send a notice of nothing to the webhook, and say whether it has arrived."""
    check_token(request.credentials)
    try:
        trial.send_trial(request.credentials)
    except trial.TrialRefused as refused:
        messages.error(request, str(refused.reason.label))
    except SendFailed as failed:
        problem = f"{failed.failure.label} ({failed.status})" if failed.status else failed.failure.label
        messages.error(request, _("The trial did not arrive: %(problem)s.") % {"problem": problem})
    else:
        messages.success(request, _("The trial has arrived: the webhook works."))
    return redirect("groups:notices")


def _show_secret(request: Request, secret: str) -> HttpResponse:
    if secret:
        return render_page(request, "notices/webhook_secret.html", {"secret": secret})
    messages.success(request, _("The webhook was saved."))
    return redirect("groups:notices")
