"""Forms of the notices: how a user is notified of each kind of event, and in which chat."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from groups.features.notices.models import NoticeChoice
from groups.services.events import event_sources


class NoticesForm(forms.Form):
    """One field for each kind of event, named like the kind."""

    def __init__(self, data: Any = None, *, chosen: Mapping[str, str]) -> None:
        super().__init__(data, initial=dict(chosen))
        for source in event_sources:
            self.fields[source.kind] = forms.ChoiceField(
                label=str(source.label), choices=NoticeChoice.How.choices
            )


class TelegramForm(forms.Form):
    """A bot and a chat, which are never shown again. A token with other signs could change the address."""

    token = forms.RegexField(
        r"^[0-9]{1,20}:[A-Za-z0-9_-]{20,100}\Z",
        label=_("Token of the bot"),
        help_text=_("Make a bot with @BotFather in Telegram, or use one that you have: it shows the token."),
        error_messages={
            "invalid": _("Enter the token alone, as @BotFather shows it: a number, a colon, letters.")
        },
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
    )
    chat = forms.RegexField(
        r"^(-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{3,40})\Z",
        label=_("Chat"),
        help_text=_(
            "Its number, below zero for a group, or the @name of a channel. Add the bot to it first."
        ),
        error_messages={"invalid": _("Enter the number of a chat, or the name of a channel with @.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
