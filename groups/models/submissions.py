"""Define what a form brings: what it asks for, and the consent to a write that a gate would hold back.

The same form sent twice is told from another one by its `Submission`.
"""

import uuid
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Submission:
    """A form that was sent: by whom, for which account, and what it asked for.

    `operation` is the id that the form was opened with; each row that came of it has it as primary key.
    `user_id` is None if the form of another user is the same one. `values` are compared only.
    """

    operation: uuid.UUID
    account_id: str
    user_id: int | None
    kind: str
    values: tuple[Any, ...] = ()
