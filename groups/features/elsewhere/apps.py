from django.utils.translation import gettext_lazy as _

from groups import feature


class Elsewhere(feature.Feature):
    """Changes that were not made here: a worker finds them, and writes them into the history."""

    name = "groups.features.elsewhere"
    verbose_name = _("Changes made elsewhere")
