from django.utils.translation import gettext_lazy as _

from groups import feature


class SavedViews(feature.Feature):
    """Lists of groups that a user has saved under a name, and the one that is the start page."""

    name = "groups.features.saved_views"
    verbose_name = _("saved views")
