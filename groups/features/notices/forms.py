"""Forms of the notices: how a user is notified of each kind of event, and in which chat."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db import models
from django.utils.translation import gettext_lazy as _

from groups.features.notices.models import NoticeChoice
from groups.services.events import event_sources


class NoticesForm(forms.Form):
    """One field for each kind of event, named like the kind; `which` answers all of them at once."""

    class Which(models.TextChoices):
        NEEDED = "needed", _("What needs me, at once")
        ALL = "all", _("Everything: what needs me at once, the rest each morning")
        CHOSEN = "chosen", _("What I choose")

    which = forms.ChoiceField(
        label=_("What you are told of"), choices=Which.choices, required=False, widget=forms.RadioSelect
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
        """Return how each kind is told, without `which`."""
        which = self.cleaned_data.pop("which", "")
        return self._answers(which) or self.cleaned_data

    @staticmethod
    def _answers(which: str | None) -> dict[str, Any]:
        """Return how each kind is told by one of `Which`; nothing where each kind is chosen."""
        others = {"needed": NoticeChoice.How.OFF, "all": NoticeChoice.How.DIGEST}.get(which or "")
        if others is None:
            return {}
        now = NoticeChoice.How.AT_ONCE
        return {source.kind: str(now if source.needs_person else others) for source in event_sources}


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
