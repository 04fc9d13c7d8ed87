"""Find the changes that were made elsewhere, for those who want to be told."""

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from django.utils.translation import gettext as _

from groups.models import Change, PosterAccount
from groups.services.events import Event, changes_in, one_line
from groups.services.values import difference_words


def find_changes(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the changes that were written into the history since a time."""
    return changes_in(Change.State.ELSEWHERE, change_words, account, since)


def change_words(change: Change) -> str:
    """Say what was done, and from which value to which."""
    words = {"group": change.group_name}
    match Change.Action(change.action):
        case Change.Action.CREATE:
            text = _("In Poster, not here: “%(group)s” was created.")
        case Change.Action.REMOVE:
            text = _("In Poster, not here: “%(group)s” was removed.")
        case Change.Action.UPDATE:
            text = _("In Poster, not here: “%(group)s” was changed: %(changes)s.")
            words["changes"] = difference_words(change.before, change.after)
        case Change.Action.MOVE | Change.Action.CREATE_CLIENT:
            raise ValueError("Changes of clients that were made elsewhere are not looked for.")
        case _ as never:
            assert_never(never)
    return one_line(text % words)
