from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class GroupsConfig(AppConfig):
    name = "groups"
    verbose_name = _("loyalty groups")

    def ready(self) -> None:
        """Register signal receivers, system checks, gates, events, and words for the security log."""
        from groups import signals  # noqa: F401, PLC0415 - registers the signal receivers
        from groups.models import Limits, PosterAccount  # noqa: PLC0415 - as all models
        from groups.models.changes import nothing_changed_listeners  # noqa: PLC0415 - as all models
        from groups.services import request_events  # noqa: PLC0415 - they need the models
        from groups.services.account_limits import LimitGate, let_wait_again  # noqa: PLC0415
        from groups.services.events import EventSource, add_event_source  # noqa: PLC0415
        from groups.services.writes import gates  # noqa: PLC0415
        from poster_admin.common import checks  # noqa: F401, PLC0415 - registers the system checks
        from poster_admin.users.pages.people import DETAIL_LABELS  # noqa: PLC0415 - it has models

        for choices in (Limits.Limit, PosterAccount.BonusUnit):
            DETAIL_LABELS.update((member.value, member.label) for member in choices)
        gates.register(LimitGate())
        nothing_changed_listeners.append(let_wait_again)
        label = _("A request waits for you, or yours was decided")
        add_event_source(EventSource("request", label, request_events.find_requests))
