"""Show what was done: in rows of the history, and in messages on the next page of a user."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.contrib.messages.storage.base import Message as DjangoMessage
from django.db.models import Count
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.models import Change, Job
from groups.presenters.changes import (
    difference_rows,
    notes_of,
    outcome_words,
    time_words,
    undo_words,
    ways_back,
    who_made,
)
from groups.presenters.jobs import ids_to_undo, notice_of, undo_card, undos_of
from groups.services.history import undoable_ids, undone_ids
from groups.services.jobs.kinds import JobKind, progress_of
from groups.services.values import NumberFormat, clients_words, moment_words
from groups.services.writes.commands import Command, UpdateGroup
from poster_admin.common.outages import optional

WAYS = 5
"""Limit for the pairs of groups that a row of a job names: a run of criteria may have many."""
OF_A_CHANGE = "change:"
"""Begins the tag of a message about a change. Its id follows, and is all that the session keeps."""


def history_rows(
    shown: Iterable[Change | Job],
    user: User,
    *,
    groups: Mapping[int, str] | None = None,
    clients: Mapping[int, str] | None = None,
    people: Mapping[int, str] | None = None,
    group_id: int | None = None,
) -> list[dict[str, Any]]:
    """Return the rows, the latest first; `groups`, `clients` and `people` are names by ids.

    A group or client without one is shown by its number, a user by the name that the row has kept.
    """
    shown, groups, clients, people = list(shown), groups or {}, clients or {}, people or {}
    changes = [each for each in shown if isinstance(each, Change)]
    jobs = [each for each in shown if isinstance(each, Job)]
    undone = undone_ids(changes)
    ways, undoable = ways_back(changes, user), undoable_ids(changes, user, undone)
    originals = {change.undo_of_id for change in changes if change.undo_of_id}
    taken_back = Change.objects.only("created_at").in_bulk(originals) if originals else {}
    # The undo of a whole job stands next to its first change, if the job has no row of its own here; a
    # job of one part goes back with that change.
    shown_jobs, first = {job.pk for job in jobs}, dict[UUID, UUID]()
    for change in changes:
        if change.job_id is not None and change.job_id not in shown_jobs:
            first.setdefault(change.job_id, change.pk)
    whole = Job.objects.filter(pk__in=first, total__gt=1).select_related("undo_of") if first else ()
    whole_ids = ids_to_undo(whole, user) if first else ()
    undo_jobs = {
        first[job.pk]: {"url": f"{job.get_absolute_url()}#undo", "title": JobKind.of(job).title}
        for job in whole
        if job.pk in whole_ids
    }
    history_url = reverse("groups:history")
    rows = []
    for change in changes:
        kind, original = Command.kind_of(change), taken_back.get(change.undo_of_id)
        is_undone, is_elsewhere = change.pk in undone, change.state == Change.State.ELSEWHERE
        # Any other attempt shows the values that it was about.
        is_only_tried = kind.removes and change.state not in Change.HAPPENED
        what = _("removal") if is_only_tried else str(kind.action.label)
        url = f"{history_url}{change.pk}/"
        rows.append(
            {
                "change": change,
                "kind": kind,
                **who_made(change, people),
                "when": localtime(change.created_at),
                "when_words": moment_words(change.created_at),
                "title": capfirst(what),
                "what": what,
                "group_name": clients.get(change.client_id or 0) or kind.subject(change),
                "differences": difference_rows(change, groups),
                "undo_of": undo_words(original, change) if original else "",
                "undone": is_undone,
                # Django's `get_state_display` makes a dictionary of all states for each row.
                "state_label": _("undone") if is_undone else Change.State(change.state).label,
                "reason_words": time_words(change) if is_elsewhere else change.reason_label,
                "notes": notes_of(change, user),
                "url": url,
                "undo_url": f"{url}undo/" if change.pk in undoable else None,
                "ways_back": ways[change.pk],
                "undo_job": undo_jobs.get(change.pk),
            }
        )
    rows += _job_rows(jobs, user, groups, people, group_id) if jobs else ()
    return sorted(rows, key=itemgetter("when"), reverse=True)


def _job_rows(
    jobs: Sequence[Job], user: User, names: Mapping[int, str], people: Mapping[int, str], group_id: int | None
) -> Iterator[dict[str, Any]]:
    """Yield jobs as rows: with a group, what they have done to that one; `names` are those of groups."""
    undoable = ids_to_undo(jobs, user)
    undone = {pk for pk, undo in undos_of(jobs).items() if undo.state == Job.State.DONE}
    made, not_made = Counter[UUID](), Counter[UUID]()
    tries = Change.objects.filter(job__in=[job.pk for job in jobs if not job.is_active]).last_tries()
    for job_id, state, count in tries.values_list("job_id", "state").annotate(Count("pk")):
        if state in Change.MADE:
            made[job_id] += count
        if state != Change.State.APPLIED:
            not_made[job_id] += count
    for job in jobs:
        kind, moved = JobKind.of(job), list(job.moved.all())
        here = [way for way in moved if group_id in (None, way.from_id, way.to_id)]
        is_undone = job.pk in undone
        # Clients who were created stay, and a job of one edit goes back with its only change.
        goes_back = any(way.from_id for way in moved) or (not moved and job.total > 1)
        lines = [_way_words(way, names, group_id) for way in here[:WAYS]]
        if not moved and made[job.pk]:
            groups = ngettext("%(count)s group", "%(count)s groups", made[job.pk])
            lines = [groups % {"count": NumberFormat.current().count(made[job.pk])}]
        exception = ""
        if left := not_made[job.pk]:
            exception = _("Not made as requested: %(count)s.") % {"count": NumberFormat.current().count(left)}
        yield {
            "job": job,
            "url": job.get_absolute_url(),
            "when": localtime(job.created_at),
            "when_words": moment_words(job.created_at),
            **who_made(job, people),
            "title": capfirst(str(kind.label)) if here else kind.title,
            "lines": lines,
            "exception": exception,
            "has_more": len(here) > WAYS,
            "undo_of": undo_words(job.undo_of, job) if job.undo_of else "",
            "undone": is_undone,
            "state_label": _("undone") if is_undone else job.get_state_display(),
            "undo_url": f"{job.get_absolute_url()}#undo" if goes_back and job.pk in undoable else "",
        }


def _way_words(way: Any, names: Mapping[int, str], group_id: int | None) -> str:
    words = {"clients": clients_words(way.clients)}
    for side in ("from", "to"):
        each = getattr(way, f"{side}_id")
        words[side] = names.get(each) or _("no. %(id)s") % {"id": each}
    if way.from_id is None:
        return _("%(clients)s created again in “%(to)s”") % words
    if way.to_id == group_id:
        return _("%(clients)s moved here from “%(from)s”") % words
    if way.from_id == group_id:
        return _("%(clients)s moved from here to “%(to)s”") % words
    return _("%(clients)s: %(from)s → %(to)s") % words


type Toast = dict[str, Any]
"""One line for the user's next page, for `components/messages.html`."""
NOTICES = {"differs": "differs", "unknown": "unknown", "error": "error", "warning": "error"}


def toast(text: str, level: str, *, state: str = "", **more: str) -> Toast:
    """Return a message about the last action, ready to print.

    `state` and `change_id` are those of its change. `undo_url` takes a change or a job back
    by one click, by the button `undo_label`; `way_url` leads to a page, by the button `way_label`.
    """
    notice = NOTICES.get(state) or NOTICES.get(level, "success")
    icon = {"success": "check", "info": "info"}.get(level, "alert")
    return {"text": text, "notice": notice, "icon": icon, "state": state, "group_id": "", **more}


def toasts(messages: Iterable[DjangoMessage], user: Any) -> list[Toast]:
    shown = []
    for message in messages:
        text, level, about = str(message.message), message.level_tag, {}
        if message.extra_tags.startswith(OF_A_CHANGE):
            with optional("the undo of a change"):
                change = Change.objects.get(pk=message.extra_tags.removeprefix(OF_A_CHANGE))
                about = _about(change, user)
        shown.append(toast(text, level, **about))
    return shown


def outcome_toast(change: Change, user: Any) -> Toast:
    """Return the outcome of a change for a user who has left its form before it was shown."""
    if change.state in Change.MADE:
        level = "warning" if change.state == Change.State.DIFFERS else "success"
        words = success_words(Command.from_change(change), change, user)
        return toast(words, level, **_about(change, user))
    end = outcome_words(change)
    # The next step of a change without an outcome is shown on its page, which shows what is found.
    next_step = "" if change.state in Change.UNSETTLED else end.next_step
    return toast(
        " ".join(filter(None, (f"{change.group_name}: {end.title}.", end.text, next_step))),
        "error",
        state=change.state,
        change_id=str(change.pk),
        way_url=change.get_absolute_url(),
        way_label=_("Look at it"),
    )


def job_toast(job: Job, user: User) -> Toast:
    progress, numbers = progress_of(job), NumberFormat.current()
    if job.state == Job.State.DONE:
        text = _("“%(title)s” has ended: %(done)s of %(total)s.")
    else:
        text = _("“%(title)s” has stopped: %(done)s of %(total)s.")
    done, total = numbers.count(progress.done), numbers.count(progress.total)
    undo = undo_card(job, user) or {"label": ""}
    return toast(
        text % {"title": JobKind.of(job).title, "done": done, "total": total},
        "success" if notice_of(job, progress) == "success" else "warning",
        undo_url=undo["action"] if undo["label"] else "",
        undo_label=undo["label"],
        way_url=job.get_absolute_url(),
        way_label=_("Look at it"),
    )


def _about(change: Change, user: Any) -> dict[str, str]:
    about = {"state": change.state, "change_id": str(change.pk)}
    if Command.kind_of(change) is UpdateGroup and undoable_ids([change], user):
        about |= {"undo_url": reverse("groups:undo", args=[change.pk]), "undo_label": _("Take back")}
        about["group_id"] = str(change.group_id)
    elif ways := ways_back([change], user)[change.pk]:
        about |= {"way_url": ways[0].url, "way_label": ways[0].button}
    return about


def success_words(command: Command, change: Change, user: User) -> str:
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
