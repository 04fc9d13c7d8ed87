from django.utils.translation import gettext_lazy as _

from groups import feature


class Snapshots(feature.Feature):
    """The clients of a group, encrypted, kept before the group is moved or removed, and their restore."""

    name = "groups.features.snapshots"
    verbose_name = _("Snapshots")
