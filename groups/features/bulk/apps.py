from django.utils.translation import gettext_lazy as _

from groups import feature


class Bulk(feature.Feature):
    """Many groups changed at once: typed in one table or read from a file, and a plan before it is sent.

    `manage.py scheme` turns a plan beyond the limits into a request.
    """

    name = "groups.features.bulk"
    verbose_name = _("changes of many groups")
