"""Define what a form has asked for, so that the same form sent twice is told from another one."""

import uuid
from dataclasses import dataclass
from typing import Any


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
