from django.utils.translation import gettext_lazy as _

from groups import feature


class Schedules(feature.Feature):
    """Planned changes: values of a group that come at one time, and go at another one."""

    name = "groups.features.schedules"
    verbose_name = _("Planned changes")
