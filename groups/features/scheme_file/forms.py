"""The form for the file of a scheme."""

from django import forms
from django.utils.translation import gettext_lazy as _

from groups.features.bulk.forms import UploadForm
from groups.forms.fields import FileInput


class SchemeForm(UploadForm):
    """Upload the file of a scheme. It is read in memory, and not kept."""

    file = forms.FileField(
        label=_("File, YAML"),
        widget=FileInput(".yaml,.yml"),
        error_messages=UploadForm.base_fields["file"].error_messages,
    )
