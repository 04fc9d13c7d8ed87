from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from groups import feature


class Notices(feature.Feature):
    """Mails and messages in Telegram that tell users of events."""

    name = "groups.features.notices"
    verbose_name = _("Notices")

    def plug_in(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.notices import presenters  # noqa: PLC0415 - as above
        from groups.features.notices.models import Delivery  # noqa: PLC0415 - as above
        from groups.features.notices.services import deliveries, outbox  # noqa: PLC0415 - as above

        hooks.settings_pages(presenters.settings_of_notices)
        hooks.routine("notices", deliveries.tell_events, pause=3)
        hooks.queue(deliveries.QUEUE)
        hooks.prune("notices", outbox.forget_old)
        hooks.doctor(gettext_noop("notices"), deliveries.examine)
        hooks.gauge("notices_not_sent", "Messages with notices", Delivery.objects.all, deliveries.NOT_SENT)
        hooks.form_addresses("telegram_trial", "telegram_remove")
