from django.utils.translation import gettext_lazy as _

from groups import feature


class Notices(feature.Feature):
    """Mails and messages in Telegram that tell users of events."""

    name = "groups.features.notices"
    verbose_name = _("Notices")
