"""Show versions of a group side by side, as text: in a confirmation, conflict, outcome or the history.

A version is the JSON that `to_json` returns. Each row of a comparison is a dict, for a template.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from groups.models import Change, Job
from groups.poster import GroupValues, LoyaltyType
from groups.presenters.changes.change_notes import notes_of, ways_back
from groups.presenters.changes.change_words import time_words, undo_words, who_words
from groups.presenters.changes.job_rows import job_rows
from groups.presenters.job_undo import UndoLink, links_to_undo
from groups.services.journal.history import undoable_ids, undone_ids
from groups.services.values import FIELD_LABELS, Version, moment_words, value_words
from groups.services.writes.commands import Command

type Comparison = list[dict[str, Any]]
FORM_FIELDS = ("name", "loyalty_type", "percent", "birthday_bonus")
"""The values of a group that a form changes."""


def value_rows(
    fields: Iterable[str] = FIELD_LABELS, groups: Mapping[int, str] | None = None, /, **versions: Version
) -> Comparison:
    """Return the values of these versions, field by field; fields that none of them has are left out.

    A discount group has no birthday bonus, so its 0 is shown only beside a version that may have one.
    """
    may_have_bonus = any(_may_have_bonus(version) for version in versions.values() if version)
    rows = []
    for field in fields:
        if field == "birthday_bonus" and not may_have_bonus:
            continue
        texts = {name: value_words(field, version, groups) for name, version in versions.items()}
        if any(texts.values()):
            rows.append({"field": field, "label": str(FIELD_LABELS[field]), **texts})
    return rows


def _may_have_bonus(version: Mapping[str, Any]) -> bool:
    is_discount = version.get("loyalty_type") == LoyaltyType.DISCOUNT
    return not is_discount or Decimal(str(version.get("birthday_bonus", 0))) != 0


def check_rows(old: GroupValues | None, new: GroupValues) -> Comparison:
    """Return old and new values, field by field, for a page that asks for confirmation."""
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


def outcome_rows(change: Change, groups: Mapping[int, str] | None = None) -> Comparison:
    """Return the values before the change, the intended ones, and those that Poster has now.

    `groups` are names of groups by their ids.
    """
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
    """Return the changed fields with their old and new values; `groups` are names of groups by their ids."""
    before, after = shown_versions(change)
    old, new = before or {}, after or {}
    # A history has hundreds of values that are the same: only the others are put into words.
    fields = [field for field in FIELD_LABELS if old.get(field) != new.get(field)]
    return [
        row
        for row in value_rows(fields, groups, before=before, after=after)
        if row["before"] != row["after"] and row["after"]
    ]


def history_rows(
    shown: Iterable[Change | Job],
    user: User,
    *,
    groups: Mapping[int, str] | None = None,
    clients: Mapping[int, str] | None = None,
    group_id: int | None = None,
) -> list[dict[str, Any]]:
    """Return changes and jobs as rows of the history, or of the latest changes of one group.

    `groups` and `clients` are names by their ids; who has none is shown by the number.
    """
    shown, groups, clients = list(shown), groups or {}, clients or {}
    changes = [each for each in shown if isinstance(each, Change)]
    jobs = [each for each in shown if isinstance(each, Job)]
    # A job that is shown has the way back from all of it in its own row.
    shown_jobs = {job.pk for job in jobs}
    whole_jobs = links_to_undo((each for each in changes if each.job_id not in shown_jobs), user)
    rows = _change_rows(changes, user, groups, clients, whole_jobs)
    rows += job_rows(jobs, user, groups, group_id) if jobs else ()
    return sorted(rows, key=itemgetter("when"), reverse=True)


def _change_rows(
    changes: list[Change],
    user: User,
    groups: Mapping[int, str],
    clients: Mapping[int, str],
    whole_jobs: Mapping[UUID, UndoLink],
) -> list[dict[str, Any]]:
    undone = undone_ids(changes)
    ways, undoable = ways_back(changes, user), undoable_ids(changes, user, undone)
    originals = {change.undo_of_id for change in changes if change.undo_of_id}
    taken_back = Change.objects.only("created_at").in_bulk(originals) if originals else {}
    groups_url, history_url = reverse("groups:list"), reverse("groups:history")
    rows = []
    for change in changes:
        kind, original = Command.kind_of(change), taken_back.get(change.undo_of_id)
        is_undone = change.pk in undone
        is_there = change.group_id and not kind.removes
        is_elsewhere = change.state == Change.State.ELSEWHERE
        what = str(kind.action.label)
        url = f"{history_url}{change.pk}/"
        rows.append(
            {
                "change": change,
                "kind": kind,
                "icon": kind.icon,
                "who": who_words(change),
                "when": localtime(change.created_at),
                "when_words": moment_words(change.created_at),
                "title": capfirst(what),
                "what": what,
                "group_name": clients.get(change.client_id or 0) or kind.subject(change),
                "group_url": f"{groups_url}{change.group_id}/" if is_there else "",
                "differences": difference_rows(change, groups),
                "undo_of": undo_words(original, change) if original else "",
                "undone": is_undone,
                "state": "undone" if is_undone else change.state,
                # Django's `get_state_display` makes a dictionary of all states for each row.
                "state_label": _("undone") if is_undone else Change.State(change.state).label,
                "reason_words": time_words(change) if is_elsewhere else change.reason_label,
                "notes": notes_of(change, user),
                "url": url,
                "undo_url": f"{url}undo/" if change.pk in undoable else None,
                "ways_back": ways[change.pk],
                "undo_job": whole_jobs.get(change.pk),
            }
        )
    return rows
