"""The form for a list of clients, and the group that they go to."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from groups.features.moves.forms import TargetField
from groups.forms.fields import FileInput
from groups.poster import Group


class ListForm(forms.Form):
    """Paste a list of clients, or choose a file with one. Neither is kept."""

    text = forms.CharField(
        label=_("Phones or cards, one a line"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
    )
    file = forms.FileField(
        label=_("Or a file, CSV or XLSX"),
        required=False,
        widget=FileInput(".csv,.xlsx,.txt"),
        error_messages={"empty": _("The file is empty.")},
    )
    numbers = forms.BooleanField(label=_("The list has Poster's client numbers"), required=False)

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        groups: Sequence[Group],
        largest: int,
        size: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(data, files, **kwargs)
        self._largest = largest
        self._size = size
        self.fields["target"] = TargetField(groups)

    def clean_text(self) -> str:
        text = str(self.cleaned_data["text"])
        self._check_size(len(text.encode()))
        return text

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file is not None:
            self._check_size(file.size)
        elif "text" in self.cleaned_data and self._size > settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
            self._check_size(self._size)  # no file of such an upload is received
        return file

    def clean(self) -> None:
        if "text" not in self.cleaned_data or "file" not in self.cleaned_data:
            return
        if not self.cleaned_data["text"].strip() and self.cleaned_data["file"] is None:
            self.add_error("text", _("Paste a list, or choose a file."))
        elif self.cleaned_data["text"].strip() and self.cleaned_data["file"] is not None:
            self.add_error("file", _("There is a list above too. Send one of them."))

    def _check_size(self, size: int) -> None:
        if size > self._largest:
            raise ValidationError(
                _("The list is larger than %(size)s MB. Split it."), params={"size": self._largest // 2**20}
            )
