"""Let planned changes be asked for: one that waits locks nothing."""

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from groups.features.schedules.models import Schedule
from groups.features.schedules.services import schedules
from groups.features.schedules.services.steps import update
from groups.features.schedules.services.words import planned_words
from groups.models import PosterCredentials
from groups.models.asked import Asked
from groups.models.contents import Effect
from groups.services.writes.outcome import onto, same
from groups.services.writes.reach import changes_terms, effect_on_group


class AskedSchedule(Asked):
    """A planned change."""

    kind = "schedule"
    label = _("a planned change")
    model = Schedule

    @property
    def words(self) -> str:
        return planned_words(self.row)

    def effect(self, credentials: PosterCredentials) -> Effect:
        """Return its effect as if it started now. Raises `NotFound` if its group is gone."""
        counts = changes_terms(self.row.base_values, self.row.planned_values)
        return effect_on_group(credentials, self.row.group_id, counts=counts)

    def let_wait(self, request_id: uuid.UUID) -> None:
        self.row.request_id, self.row.state = request_id, Schedule.State.ASKED
        self.row.save(force_insert=True)

    def start(self, user: User, now: Effect, **consent: Any) -> bool:
        """Plan it onto the values of its group now. Raises `TooLate` too."""
        schedule = self.row
        base = now.group.values if now.group else schedule.base_values
        if same(base, onto(schedule.base_values, schedule.planned_values, base)):
            update(schedule, state=Schedule.State.CANCELLED, ended_at=timezone.now())
            return False
        schedules.hand_over(schedule, user, base, **consent, allowed_clients=now.clients)
        return True
