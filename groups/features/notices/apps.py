from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from groups import feature


class Notices(feature.Feature):
    """Mails to users, and requests to the webhook of an account, that tell of events."""

    name = "groups.features.notices"
    verbose_name = _("Notices")

    def plug_in(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.notices import presenters  # noqa: PLC0415 - as above
        from groups.features.notices.models import Delivery  # noqa: PLC0415 - as above
        from groups.features.notices.services import deliveries, outbox  # noqa: PLC0415 - as above
        from groups.services.events import event_sources  # noqa: PLC0415 - as above

        hooks.settings_pages(presenters.settings_of_notices)
        hooks.routine("notices", deliveries.tell_events, pause=3)
        hooks.queue(deliveries.QUEUE)
        hooks.prune("notices", outbox.forget_old)
        hooks.doctor(gettext_noop("notices"), deliveries.examine)
        hooks.gauge("notices_not_sent", "Messages with notices", Delivery.objects.all, deliveries.NOT_SENT)
        hooks.form_addresses("webhook_trial")
        # The log names the kinds of events that a webhook is notified of.
        hooks.log_words((source.kind, source.label) for source in event_sources)
