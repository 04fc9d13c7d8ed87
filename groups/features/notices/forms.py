"""Forms of the notices: how a user is notified of each kind of event, and where the webhook is."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from groups.features.notices.models import NoticeChoice
from groups.features.notices.services.addresses import LONGEST
from groups.services.events import event_sources


class NoticesForm(forms.Form):
    """One field for each kind of event, named like the kind."""

    def __init__(self, data: Any = None, *, chosen: Mapping[str, str]) -> None:
        super().__init__(data, initial=dict(chosen))
        for source in event_sources:
            self.fields[source.kind] = forms.ChoiceField(
                label=str(source.label), choices=NoticeChoice.How.choices
            )


class WebhookForm(forms.Form):
    """The address, which is never shown again: left empty, the present one stays."""

    address = forms.CharField(
        label=_("Address"),
        required=False,
        max_length=LONGEST,
        # The address lets anybody write there, so js/back.js does not keep it.
        widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false", "data-never-kept": True}),
    )
    kinds = forms.MultipleChoiceField(
        label=_("Events that it gets"),
        choices=lambda: [(source.kind, source.label) for source in event_sources],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one kind of event, or remove the webhook.")},
    )

    def __init__(self, data: Any = None, *, shown: str = "", kinds: list[str]) -> None:
        super().__init__(data, initial={"kinds": kinds})
        self._is_new = not shown
        if shown:
            self.fields["address"].help_text = _(
                "Leave it empty to keep the present one (%(address)s). With a new address comes a new secret."
            ) % {"address": shown}

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"].strip()
        if self._is_new and not address:
            raise forms.ValidationError(_("Enter an address."))
        return address
