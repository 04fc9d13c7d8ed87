"""Define the consent to a write that a gate would hold back: columns of changes, jobs and what else asks."""

from django.db import models

LONGEST_REASON = 200


class Consent(models.Model):
    """The columns that say why a write may go beyond the limits: a request, or the reason of its own user.

    `request_id` is the id of the approved request, a row of a feature, and `asked_by` the name of its user.
    There is no foreign key, so that the core knows no feature. `limit_reason` was typed by a user with the
    right to exceed the limits. `allowed_clients` is the number of clients that was shown as that was given:
    more of them need another yes. It is None where no number was shown.
    """

    request_id = models.UUIDField(null=True, db_index=True)
    asked_by = models.CharField(max_length=150, blank=True, default="")
    limit_reason = models.CharField(max_length=LONGEST_REASON, blank=True, default="")
    allowed_clients = models.PositiveIntegerField(null=True)

    class Meta:
        abstract = True

    @property
    def is_given(self) -> bool:
        return self.request_id is not None or bool(self.limit_reason)
