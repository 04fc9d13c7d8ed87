"""Say in one line that a change was made, with the way back."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.models import User
from django.contrib.messages.storage.base import Message as DjangoMessage
from django.urls import reverse
from django.utils.translation import gettext as _

from groups.models import Change
from groups.presenters.changes.change_diff import difference_rows
from groups.presenters.changes.change_notes import notes_of, ways_back
from groups.presenters.changes.change_words import outcome_words
from groups.services.journal.history import undoable_ids
from groups.services.writes.commands import Command, UpdateGroup
from poster_admin.common.outages import optional

OF_A_CHANGE = "change:"
NOTICES = {"differs": "differs", "unknown": "unknown", "error": "error", "warning": "error"}


@dataclass(frozen=True, slots=True)
class Toast:
    """A message of Django's, ready to print.

    `change_id` and `state` are those of the change that it tells of. `undo_url` takes a change or a job back
    by one click, by the button `undo_label`; `way_url` leads to a page, by the button `way_label`. All may be
    empty.
    """

    text: str
    level: str
    state: str = ""
    change_id: str = ""
    undo_url: str = ""
    undo_label: str = ""
    way_url: str = ""
    way_label: str = ""
    group_id: str = ""

    @property
    def notice(self) -> str:
        """Return the kind of the notice: data-notice."""
        return NOTICES.get(self.state) or NOTICES.get(self.level, "success")

    @property
    def icon(self) -> str:
        return {"success": "check", "info": "info"}.get(self.level, "alert")


def tag_of(change: Change) -> str:
    """Return the tag of a message about a change: its id alone, for the message is kept in the session."""
    return f"{OF_A_CHANGE}{change.pk}"


def toasts(messages: Iterable[DjangoMessage], user: Any) -> list[Toast]:
    """Return the messages for the page of a user; one about a change has its state, and the way back."""
    shown = []
    for message in messages:
        toast = Toast(str(message.message), message.level_tag)
        if message.extra_tags.startswith(OF_A_CHANGE):
            with optional("the way back of a change"):
                change = Change.objects.get(pk=message.extra_tags.removeprefix(OF_A_CHANGE))
                toast = _with_way_back(toast, change, user)
        shown.append(toast)
    return shown


def outcome_toast(change: Change, user: Any) -> Toast:
    """Return the outcome of a change for a user who has left its form before it was told."""
    if change.state in Change.MADE:
        level = "warning" if change.state == Change.State.DIFFERS else "success"
        words = success_words(Command.from_change(change), change, user)
        return _with_way_back(Toast(words, level), change, user)
    end = outcome_words(change)
    # The next step of a change without an outcome is told on its page, which shows what is found.
    next_step = "" if change.state in Change.UNSETTLED else end.next_step
    return Toast(
        " ".join(filter(None, (f"{change.group_name}: {end.title}.", end.text, next_step))),
        "error",
        state=change.state,
        change_id=str(change.pk),
        way_url=change.get_absolute_url(),
        way_label=_("Look at it"),
    )


def _with_way_back(toast: Toast, change: Change, user: Any) -> Toast:
    toast = replace(toast, state=change.state, change_id=str(change.pk))
    if Command.kind_of(change) is UpdateGroup and undoable_ids([change], user):
        undo_url = reverse("groups:undo", args=[change.pk])
        return replace(toast, undo_url=undo_url, undo_label=_("Take back"), group_id=str(change.group_id))
    if ways := ways_back([change], user)[change.pk]:
        return replace(toast, way_url=ways[0].url, way_label=ways[0].button)
    return toast


def success_words(command: Command, change: Change, user: User) -> str:
    """Return what was changed, in one line, with the notes about it that the user may see."""
    if change.state == Change.State.DIFFERS:
        name = {"name": change.group_name}
        return _("Poster accepted the change of “%(name)s”, but stored something else.") % name
    rows = difference_rows(change)
    values = [f"{row['label']} {row['before'] or '–'} → {row['after']}" for row in rows]
    if [row["field"] for row in rows] == ["percent"]:  # a percent says what it is
        values = [f"{rows[0]['before'] or '–'} → {rows[0]['after']}"]
    words = command.success(change, ", ".join(values))
    sentences = [note.sentence for note in notes_of(change, user)]
    return " ".join([words.removesuffix(".") + ".", *sentences]) if sentences else words
