"""Show changes: their words, what features say about them, and their values side by side."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, assert_never
from uuid import UUID

from django.contrib.auth.models import User
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from groups.models import Change, Job
from groups.poster import GroupValues, LoyaltyType
from groups.services.history import is_old
from groups.services.messages import Message
from groups.services.values import (
    FIELD_LABELS,
    FORM_FIELDS,
    Version,
    difference_words,
    moment_words,
    names_words,
    value_words,
)
from groups.services.writes.commands import Command


def time_words(change: Change) -> str:
    """Return between which two times a change was made elsewhere: "between 14:02 and 14:07"."""
    until = localtime(change.created_at)
    since = localtime(change.possible_since or change.created_at)
    is_same_day = since.date() == until.date()
    return _("between %(since)s and %(until)s") % {
        "since": moment_words(since),
        "until": date_format(until, "TIME_FORMAT") if is_same_day else moment_words(until),
    }


def undo_words(undone: Change | Job, undo: Change | Job) -> str:
    """Return which change or job an undo has taken back: "undo of the change of 14:02"."""
    was, now = localtime(undone.created_at), localtime(undo.created_at)
    time = date_format(was, "TIME_FORMAT") if was.date() == now.date() else moment_words(was)
    words = _("undo of the change of %(time)s")
    if isinstance(undone, Job):
        words = _("undo of the bulk change of %(time)s")
    return words % {"time": time}


def who_made(row: Change | Job, people: Mapping[int, str] | None = None) -> dict[str, str]:
    """Return who has made it, and the initials of that name: none of what was made elsewhere.

    `people` has names by the ids of users; without one it is the name that the row has kept.
    """
    if isinstance(row, Change) and row.state == Change.State.ELSEWHERE:
        return {"who": _("in Poster, not here"), "initials": ""}
    name = (people or {}).get(row.user_id or 0) or row.user_name
    words = re.findall(r"\w+", name)
    initials = "".join(word[0] for word in words[:2]) if len(words) > 1 else name[:2]
    return {"who": names_words(name, row.requested_by), "initials": initials.upper()}


def undo_doubts(change: Change, later: Change | None = None) -> list[str]:
    """Say why an undo is shown before it is made: the age of the change, and a `later` one of its group."""
    doubts = []
    if is_old(change):
        text = _("The change that you undo is of %(time)s, by %(who)s.")
        doubts.append(text % _made_by(change))
    if later:
        text = _("The group was changed again since, last on %(time)s, by %(who)s: %(changes)s.")
        changes = difference_words(later.before, later.after) or later.get_action_display()
        doubts.append(text % {**_made_by(later), "changes": changes})
    return doubts


def _made_by(change: Change) -> dict[str, str]:
    time = date_format(localtime(change.created_at), "SHORT_DATETIME_FORMAT")
    return {"time": time, "who": who_made(change)["who"]}


def outcome_words(change: Change) -> Message:  # noqa: C901 - one arm a state is the clearest form
    details, reason = change.message, change.reason_label
    reason = f"{capfirst(reason)}." if reason else ""
    match Change.State(change.state):
        case Change.State.APPLIED:
            return Message(_("Done"), Command.from_change(change).seen)
        case Change.State.ELSEWHERE:
            where = _("Not here, but in Poster's console or by another program, %(when)s.")
            return Message(_("Made elsewhere"), where % {"when": time_words(change)})
        case Change.State.DIFFERS if change.reason == Change.Reason.UNITS:
            return Message(
                _("Poster stored the birthday bonus in another unit"),
                _(
                    "It came back multiplied or divided by 100. No more birthday bonuses are written for "
                    "this account until an owner has looked at it."
                ),
                _("An owner can set the unit of the birthday bonus on the account page."),
            )
        case Change.State.DIFFERS:
            return Message(
                _("Poster stored something else"),
                _("It accepted the change, but what it has now is not what was sent."),
                _("Compare the values, and edit the group again if they are wrong."),
            )
        case Change.State.REFUSED:
            return Message(
                _("Poster refused the change"),
                _("Nothing was changed."),
                _("Correct it and try again.") if change.intended else _("You can try again."),
                details,
            )
        case Change.State.FAILED:
            return Message(_("Nothing was changed"), reason, _("You can try again."), details)
        case Change.State.REVIEW:
            return Message(
                _("Somebody has to look at this"),
                reason,
                _("Compare with Poster, then say here whether the change was made."),
                details,
            )
        case Change.State.UNKNOWN:
            text = _("Poster's answer did not arrive. The change may or may not be in force.")
            next_step = _("Do not repeat it. We keep looking, and this page shows what we find.")
            if change.reason == Change.Reason.NOT_WRITTEN:
                text = _(
                    "It was sent to Poster, but the history does not answer, so the outcome is not in it yet."
                )
            elif change.again_of_id and (why := change.reason_label):
                text = _("It was not sent again: %(why)s. The first time its answer was lost.") % {"why": why}
                next_step = _("We keep looking, and this page shows what we find.")
            return Message(_("It is not known yet whether the change was made"), text, next_step, details)
        case Change.State.PENDING:
            return Message(
                _("The change is under way"),
                _("It was written down and is being sent to Poster."),
                _("This page shows the outcome as soon as it is known."),
            )
        case _ as never:
            assert_never(never)


@dataclass(frozen=True, slots=True)
class ChangeNote:
    """Words about a change: `sentence` in its message, `text` on pages, next to `label` or alone, or none."""

    sentence: str
    label: str = ""
    text: str = ""


note_finders: list[Callable[[Change, User], ChangeNote | None]] = []
"""Each returns the note of a feature about a change for a user, or None, without a query."""


def notes_of(change: Change, user: User) -> list[ChangeNote]:
    return [note for find_note in note_finders if (note := find_note(change, user))]


@dataclass(frozen=True, slots=True)
class WayBack:
    """A link to a page that brings back more than an undo: `label` in the history, `button` in a message."""

    url: str
    label: str
    button: str


way_finders: list[Callable[[Sequence[Change], User], Mapping[UUID, WayBack]]] = []
"""Each returns the ways back that a user may take, by the ids of the changes, in one query."""


def ways_back(changes: Iterable[Change], user: User) -> dict[UUID, list[WayBack]]:
    rows = list(changes)
    found = [find(rows, user) for find in way_finders]
    return {change.pk: [ways[change.pk] for ways in found if change.pk in ways] for change in rows}


type Comparison = list[dict[str, Any]]


def value_rows(
    fields: Iterable[str] = FIELD_LABELS, groups: Mapping[int, str] | None = None, /, **versions: Version
) -> Comparison:
    """Return the values of these versions, field by field; fields that none of them has are left out.

    A discount group has no birthday bonus, so its 0 is shown only next to a version that may have one.
    """
    may_have_bonus = any(
        version.get("loyalty_type") != LoyaltyType.DISCOUNT or Decimal(str(version.get("birthday_bonus", 0)))
        for version in versions.values()
        if version
    )
    rows = []
    for field in fields:
        if field == "birthday_bonus" and not may_have_bonus:
            continue
        texts = {name: value_words(field, version, groups) for name, version in versions.items()}
        if any(texts.values()):
            rows.append({"field": field, "label": str(FIELD_LABELS[field]), **texts})
    return rows


def check_rows(old: GroupValues | None, new: GroupValues) -> Comparison:
    rows = value_rows(old=old.to_json() if old else None, new=new.to_json())
    return [row | {"changed": row["old"] != row["new"]} for row in rows]


def conflict_rows(change: Change) -> Comparison:
    """Return the values that the form was opened on, those that Poster has now, and the intended ones.

    `choices` has the values of a form field from which one is chosen, as a form sends them: yours if you have
    changed it; `same` if both are one.
    """
    theirs, intended = change.before, change.intended
    yours = change.loaded if Command.kind_of(change).removes else intended
    rows = []
    for row in value_rows(loaded=change.loaded, theirs=theirs, yours=yours):
        if not row["yours"]:
            continue
        choices = {}
        if theirs and intended and (field := row["field"]) in FORM_FIELDS:
            choices = {"theirs": str(theirs[field]), "yours": str(intended[field])}
            if theirs[field] == intended[field]:
                choices = {"same": str(intended[field])}
        by_them = bool(row["loaded"]) and row["loaded"] != row["theirs"]
        by_you = row["loaded"] != row["yours"]
        rows.append(row | {"changed_by_them": by_them, "changed_by_you": by_you, "choices": choices})
    return rows


def outcome_rows(change: Change, groups: Mapping[int, str]) -> Comparison:
    versions = {"before": shown_versions(change)[0], "intended": change.intended, "after": change.after}
    rows = value_rows(FIELD_LABELS, groups, **versions)
    compared = change.intended is not None and change.after is not None
    return [
        row | {"differs": compared and bool(row["intended"]) and row["intended"] != row["after"]}
        for row in rows
        if change.intended is None or row["intended"]
    ]


def shown_versions(change: Change) -> tuple[Version, Version]:
    """Return the values before a change, and those after it; the intended ones where they are the same."""
    before = (change.before or change.loaded) if Command.kind_of(change).has_before else None
    was_read = change.state in (Change.State.DIFFERS, Change.State.ELSEWHERE)
    return before, change.after if was_read else change.intended


def difference_rows(change: Change, groups: Mapping[int, str] | None = None) -> Comparison:
    before, after = shown_versions(change)
    old, new = before or {}, after or {}
    # A history has hundreds of values that are the same: only the others are put into words.
    fields = [field for field in FIELD_LABELS if old.get(field) != new.get(field)]
    has_bonus = Decimal(str(new.get("birthday_bonus") or 0)) != 0
    if not before and not has_bonus and change.state != Change.State.DIFFERS:
        # A new group without a bonus says nothing of it.
        fields = [field for field in fields if field != "birthday_bonus"]
    return [
        row
        for row in value_rows(fields, groups, before=before, after=after)
        if row["before"] != row["after"] and row["after"]
    ]
