"""The form for the file of a scheme."""

from django import forms
from django.utils.translation import gettext_lazy as _

from groups.features.bulk.forms import UploadForm


class SchemeForm(UploadForm):
    """Upload the file of a scheme. It is read in memory, and not kept."""

    file = forms.FileField(
        label=_("File, YAML"),
        widget=forms.FileInput(
            attrs={
                "accept": ".yaml,.yml",
                "data-choose": _("Choose a file"),
                "data-none": _("No file is chosen."),
            }
        ),
        error_messages=UploadForm.base_fields["file"].error_messages,
    )
