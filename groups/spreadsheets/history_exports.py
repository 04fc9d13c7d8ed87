"""Export the history to a file: CSV and XLSX for people, JSON lines for programs."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from groups.models import Change
from groups.poster import GroupValues
from groups.presenters.changes import shown_versions, who_words
from groups.services.values import Version, type_label
from groups.services.writes.commands import Command
from groups.spreadsheets import Cells
from groups.spreadsheets.exports import money, table_file

EXTENSIONS = ("csv", "xlsx", "jsonl")
WIDTHS = (18, 16, 8, 34, 16, 18, 40, *[16] * 10, 30, 30, 30, 18, 20, 38)
# Keys of a version that name no person: an open change of a client also has keyed hashes of its fields.
OF_A_VERSION = (*GroupValues.__struct_fields__, "clients", "group_id")


type Names = Mapping[int, str]
"""The names of groups by their ids, as far as they are known."""


def history_file(changes: Iterable[Change], names: Names, extension: str) -> bytes:
    if extension == "jsonl":
        return _json_lines(changes)
    before, after = _("%(field)s before"), _("%(field)s after")
    fields = (_("Name"), _("Type"), _("Percent"), _("Birthday bonus"), _("Clients"))
    pairs = [words % {"field": field} for field in fields for words in (before, after)]
    first = (_("When"), _("Who"), _("Id"), _("Group"), _("Change"), _("Outcome"), _("Reason"))
    last = (_("Why"), _("Settled"), _("Poster account"), _("Change number"))
    header = [*first, *pairs, _("Moved from"), _("Moved to"), *last]
    rows = (_cells(change, names) for change in changes)
    return table_file(extension, _("History"), header, rows, WIDTHS)


def _cells(change: Change, names: Names) -> Cells:
    command = Command.from_change(change)
    before, after = (_cells_of(version) for version in shown_versions(change))
    # A group has the name of when its job was made, else its present one, else its number.
    job = change.job
    then = {job.group_id: job.group_name, job.target_id: job.target_name} if job else {}
    way = [
        group_id and (then.get(group_id) or names.get(group_id) or _("no. %(id)s") % {"id": group_id})
        for group_id in command.way
    ]
    return (
        localtime(change.created_at),
        who_words(change),
        change.group_id,
        command.subject(change),
        str(change.get_action_display()),
        str(change.get_state_display()),
        change.reason_label,
        *(cell for pair in zip(before, after, strict=True) for cell in pair),
        *way,
        change.note,
        localtime(change.settled_at) if change.settled_at else None,
        change.account_id,
        str(change.pk),
    )


def _cells_of(version: Version) -> Cells:
    if not version or "name" not in version:
        return (None,) * 5
    values = GroupValues.from_json(version)
    bonus = money(values.birthday_bonus)
    return (values.name, type_label(values.loyalty_type), values.percent, bonus, version.get("clients"))


def _plain(version: Version) -> dict[str, Any] | None:
    if not version:
        return None
    return {name: version[name] for name in OF_A_VERSION if name in version} or None


def _json_lines(changes: Iterable[Change]) -> bytes:
    """Return the changes as JSON, one object a line, the same in every language; groups have their ids."""
    lines = []
    for change in changes:
        line = {
            "id": str(change.pk),
            "account": change.account_id,
            "user": change.user_name,
            "asked_by": change.asked_by,
            "limit_reason": change.limit_reason,
            "action": change.action,
            "group_id": change.group_id,
            "group": change.group_name,
            "client_id": change.client_id,
            "job": str(change.job_id) if change.job_id else None,
            "undo_of": str(change.undo_of_id) if change.undo_of_id else None,
            "state": change.state,
            "reason": change.reason,
            "code": change.code,
            "note": change.note,
            "resolved_by": change.resolved_by,
            "possible_since": change.possible_since.isoformat() if change.possible_since else None,
            "created_at": change.created_at.isoformat(),
            "sent_at": change.sent_at.isoformat() if change.sent_at else None,
            "settled_at": change.settled_at.isoformat() if change.settled_at else None,
            "before": _plain(change.before),
            "intended": _plain(change.intended),
            "after": _plain(change.after),
        }
        lines.append(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    return b"".join(lines)
