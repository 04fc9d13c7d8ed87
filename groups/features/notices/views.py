"""Views of the notices: the user's own choices, and the user's chat in Telegram."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.db import models
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from groups import hooks
from groups.features.notices import services
from groups.features.notices.models import Delivery, Notice, NoticeChoice, TelegramChat
from groups.features.notices.services import TRIAL, VIEW_GROUP
from groups.presenters.settings_pages import USER, SettingsPage
from groups.services.events import event_sources
from groups.views.http import Request, form_methods, requires
from poster_admin.common.pages import render_page
from poster_admin.users.sessions import ask_to_confirm, recently_confirmed


class NoticesForm(forms.Form):
    """One field for each kind of event, named like the kind; `which` answers all of them at once."""

    class Which(models.TextChoices):
        NEEDED = "needed", gettext_lazy("What needs me, at once")
        ALL = "all", gettext_lazy("Everything: what needs me at once, the rest each morning")
        CHOSEN = "chosen", gettext_lazy("What I choose")

    which = forms.ChoiceField(
        label=gettext_lazy("What you get notices of"),
        choices=Which.choices,
        required=False,
        widget=forms.RadioSelect,
    )

    def __init__(self, data: Any = None, *, chosen: Mapping[str, str]) -> None:
        which = next((name for name in self.Which if self._answers(name) == chosen), self.Which.CHOSEN)
        super().__init__(data, initial={**chosen, "which": which})
        answered = self["which"].value() if self.is_bound else ""
        for source in event_sources:
            self.fields[source.kind] = forms.ChoiceField(
                label=str(source.label),
                choices=NoticeChoice.How.choices,
                required=not self._answers(answered),
            )

    @property
    def kinds(self) -> list[forms.BoundField]:
        return [self[source.kind] for source in event_sources]

    def clean(self) -> dict[str, Any]:
        which = self.cleaned_data.pop("which", "")
        return self._answers(which) or self.cleaned_data

    @staticmethod
    def _answers(which: str | None) -> dict[str, Any]:
        """Return how each kind is sent, by one of `Which`; nothing where each kind is chosen."""
        others = {"needed": NoticeChoice.How.OFF, "all": NoticeChoice.How.DIGEST}.get(which or "")
        if others is None:
            return {}
        now = NoticeChoice.How.AT_ONCE
        return {source.kind: str(now if source.needs_person else others) for source in event_sources}


class TelegramForm(forms.Form):
    """A bot and a chat, never shown again. A token with other signs could change the address."""

    token = forms.RegexField(
        r"^[0-9]{1,20}:[A-Za-z0-9_-]{20,100}\Z",
        label=gettext_lazy("Token of the bot"),
        help_text=gettext_lazy(
            "Make a bot with @BotFather in Telegram, or use one that you have: it shows the token."
        ),
        error_messages={
            "invalid": gettext_lazy(
                "Enter the token alone, as @BotFather shows it: a number, a colon, letters."
            )
        },
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
    )
    chat = forms.RegexField(
        r"^(-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{3,40})\Z",
        label=gettext_lazy("Chat"),
        help_text=gettext_lazy(
            "Its number, below zero for a group, or the @name of a channel. Add the bot to it first."
        ),
        error_messages={
            "invalid": gettext_lazy("Enter the number of a chat, or the name of a channel with @.")
        },
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


@form_methods
@requires("view_group")
def notices(request: Request, refused: TelegramForm | None = None) -> HttpResponse:
    """Show and store a user's choice; `refused` is what was sent for the chat, with its errors."""
    data = request.POST if request.method == "POST" and refused is None else None
    form = NoticesForm(data, chosen=services.choices_of(request.user))
    if form.is_valid():
        services.choose_notices(request.user, form.cleaned_data)
        messages.success(request, _("Your choice was saved."))
        return redirect("groups:notices")

    chat_form = refused or TelegramForm(auto_id="chat_%s")
    context = {"form": form, "chat_form": chat_form, "confirmed": recently_confirmed(request)}
    if chat := TelegramChat.objects.filter(user=request.user).first():
        sent = Delivery.objects.exclude(state=Delivery.State.DROPPED).filter(user=request.user)
        trials = Notice.objects.waiting().filter(user=request.user, kind=TRIAL)
        context |= {
            "chat": chat,
            "last": sent.filter(tried_at__gt=chat.set_at).order_by("tried_at").last(),
            "trial_on_its_way": trials.exclude(delivery__tries__gt=0).exists(),
        }
    elif not settings.EMAIL_ENABLED:
        context["mail_problem"] = "off"
    elif not request.user.email:
        context["mail_problem"] = "no_address"
    status = 422 if form.errors or refused else 200
    return render_page(request, "notices/notices.html", context, fragment="telegram", status=status)


@sensitive_post_parameters("token", "chat")
@form_methods
@requires("view_group")
def telegram_chat(request: Request) -> HttpResponse:
    if request.method != "POST":
        return redirect(reverse("groups:notices") + "#telegram", permanent=True)
    if not recently_confirmed(request):
        return ask_to_confirm(request)
    form = TelegramForm(request.POST, auto_id="chat_%s")
    if not form.is_valid():
        return notices(request, form)
    services.set_chat(request.user, **form.cleaned_data)
    return telegram_trial(request)


@require_POST
@requires("view_group")
def telegram_trial(request: Request) -> HttpResponse:
    services.write_trial(request.credentials)
    return redirect("groups:notices")


@require_POST
@requires("view_group")
def telegram_remove(request: Request) -> HttpResponse:
    services.remove_chat(request.user)
    messages.success(request, _("The chat was removed: notices come by mail again."))
    return redirect("groups:notices")


@hooks.settings_pages
def settings_of_notices(user: User) -> list[SettingsPage]:
    words = _("By mail or in Telegram.")
    page = SettingsPage(USER, _("Notices"), reverse("groups:notices"), words, "bell", connected=True)
    return [page] if user.has_perm(VIEW_GROUP) else []


hooks.form_addresses("telegram", "telegram_trial", "telegram_remove")

urlpatterns = [
    path("account/notices/", notices, name="notices"),
    path("account/notices/telegram/", telegram_chat, name="telegram"),
    path("account/notices/telegram/trial/", telegram_trial, name="telegram_trial"),
    path("account/notices/telegram/remove/", telegram_remove, name="telegram_remove"),
]
