from django.utils.translation import gettext_lazy as _

from groups import feature


class Approvals(feature.Feature):
    """Limits of an account, and requests for what goes beyond them, which another user approves."""

    name = "groups.features.approvals"
    verbose_name = _("limits and requests")
