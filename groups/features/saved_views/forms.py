"""Form of a saved view: its name, and the list that it shows."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from groups.presenters.lists.list_filters import ListForm


class ViewNameForm(forms.Form):
    """The name of a saved view."""

    name = forms.CharField(
        label=_("Name"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": _("Enter a name for this view."),
            "max_length": _("The name may have %(limit_value)d characters at most."),
        },
    )


class SavedViewForm(ViewNameForm):
    """The name of a new view, and the address of its list."""

    query = forms.CharField(widget=forms.HiddenInput, required=False, max_length=1000)

    def __init__(self, data: Any = None, *, query: str = "") -> None:
        # The list has other forms with a field of this name.
        super().__init__(data, initial={"query": query}, auto_id="view_%s")
        # A user who has come to save a list types its name at once.
        self.fields["name"].widget.attrs["autofocus"] = bool(query)

    @property
    def filters(self) -> ListForm:
        """The filters of the list."""
        return ListForm(QueryDict((self["query"].value() or "").removeprefix("?")))

    def clean_query(self) -> str:
        """Return the query string in its usual order and without a page."""
        return self.filters.query()
