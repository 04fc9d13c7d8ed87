"""Show changes and jobs: what was changed and what became of it, undo, messages, and warnings.

Features may say more about a change: on its page, in the history, and in the message of success. There they
may also offer a restore link, to a page that brings back more than an undo does.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import Any, assert_never
from uuid import UUID

from django.contrib.auth.models import User
from django.contrib.messages.storage.base import Message as DjangoMessage
from django.db.models import Count
from django.urls import reverse
from django.utils.formats import date_format, time_format
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from groups.models import Change, Job
from groups.poster import GroupValues, LoyaltyType
from groups.services.history import is_old, undoable_ids, undone_ids
from groups.services.jobs.executor import max_wait_of
from groups.services.jobs.kinds import JobKind, JobProgress, progress_of
from groups.services.jobs.undo import is_undoable, preview_of, undo_lines, undo_of
from groups.services.messages import Message
from groups.services.values import (
    FIELD_LABELS,
    FORM_FIELDS,
    NumberFormat,
    Version,
    clients_words,
    difference_words,
    moment_words,
    money_words,
    names_words,
    percent_words,
    type_label,
    value_words,
)
from groups.services.writes import gates
from groups.services.writes.commands import Command, UpdateGroup
from poster_admin.common.outages import optional

WAYS = 5
"""Limit for the pairs of groups that a row of a job names: a run of criteria may have many."""
OF_A_CHANGE = "change:"
"""Begins the tag of a message about a change. Its id follows, and is all that the session keeps."""
PERCENT_LEAP = Decimal(10)
BONUS_FACTOR = 10
LARGE_BONUS = Decimal(10_000)
Stop = Job.Stop
SAID_BY_POSTER = (Stop.REFUSED, Stop.TOKEN, Stop.NOT_REMOVED, Stop.GROUP_NOT_CREATED)
"""Stop reasons whose detail is a message of Poster's."""
WAITS_FOR = {
    Stop.LOCKED: gettext_lazy("Another change of the same group or client has no outcome yet."),
    Stop.UNKNOWN: gettext_lazy("The outcome of some writes is not known yet."),
    Stop.NOT_EMPTY: gettext_lazy("Poster still shows clients who were moved."),
    Stop.STALE: gettext_lazy("Poster does not show the last change yet."),
    Stop.UNREADABLE_ROW: Stop.UNREADABLE_ROW.label,
    Stop.TOKEN: gettext_lazy("Poster refuses the token, which may be a mistake."),
}
"""Sentences for a job that tries again, by its reason; for any other reason it waits for Poster."""


# --- Words --------------------------------------------------------------------------------------------------


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
    words = (
        _("undo of the bulk change of %(time)s")
        if isinstance(undone, Job)
        else _("undo of the change of %(time)s")
    )
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


def outcome_words(change: Change) -> Message:  # noqa: C901 - one arm a state is the clearest form
    details = change.message
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
            return Message(
                _("Nothing was changed"), _sentence(change.reason_label), _("You can try again."), details
            )
        case Change.State.REVIEW:
            return Message(
                _("Somebody has to look at this"),
                _sentence(change.reason_label),
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


def _sentence(text: str) -> str:
    return f"{capfirst(text)}." if text else ""


# --- Notes and ways back of features ------------------------------------------------------------------------


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


# --- Versions side by side, each the JSON that `to_json` returns --------------------------------------------


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


def outcome_rows(change: Change, groups: Mapping[int, str] | None = None) -> Comparison:
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


# --- The page of a job --------------------------------------------------------------------------------------


def notice_of(job: Job, progress: JobProgress) -> str:
    """Return the kind of the notice that describes the state: data-notice."""
    if job.state == Job.State.DONE:
        return "success" if progress.done == progress.total else "differs"
    return "error" if job.state == Job.State.STOPPED else "unknown"


def job_words(job: Job) -> Message:
    match Job.State(job.state):
        case Job.State.WAITING if job.next_try_at is not None and job.waiting_since is not None:
            end = job.waiting_since + max_wait_of(Stop(job.reason))
            times = {"next": job.next_try_at, "end": end}
            return Message(
                _("It waits for its next try"),
                str(WAITS_FOR.get(Stop(job.reason), _("Poster does not answer."))),
                _("The next try is at %(next)s. If this lasts until %(end)s, it stops and asks for you.")
                % {name: time_format(localtime(moment), "H:i:s") for name, moment in times.items()},
            )
        case Job.State.WAITING | Job.State.DRAFT | Job.State.REQUESTED:
            return Message(
                _("It waits for its turn"),
                _("A worker takes it up as soon as one is free."),
                _("You can close this page and come back."),
            )
        case Job.State.RUNNING:
            return Message(
                _("It is under way"),
                _("Every write is read back and recorded."),
                _("You can close this page and come back."),
            )
        case Job.State.PAUSED:
            return Message(
                _("It is paused"),
                _("What is done stays done; nothing more is sent."),
                _("Go on when you are ready, or cancel the rest."),
            )
        case Job.State.STOPPED:
            said = job.detail if job.reason in SAID_BY_POSTER else ""
            return Message(_("It has stopped"), job.stop_words, _after_stop(job.stop), said)
        case Job.State.CANCELLED:
            return Message(_("It was cancelled"), _("What was done before stays done; nothing more is sent."))
        case Job.State.DONE:
            at_end = JobKind.of(job).words_at_end
            return Message(_("It has ended"), _("Each change was read back from Poster."), at_end)
        case _ as never:
            assert_never(never)


def _after_stop(stop: Job.Stop) -> str:  # noqa: C901, PLR0912 - one arm a step is the clearest form
    again = _("Then let it go on.")
    match stop:
        case Stop.SIDE_EFFECT:
            return _("Look at that client in Poster before you decide. Nobody else was touched.")
        case Stop.DIFFERS:
            return _("Look at that group in Poster before you decide. No other was touched.")
        case Stop.REFUSED | Stop.GROUP_NOT_CREATED | Stop.UNREADABLE_ROW:
            return _("Fix the cause in Poster first.") + " " + again
        case Stop.TOKEN:
            return _("Connect the account again.") + " " + again
        case Stop.NO_USER | Stop.CHANGED:
            return _("Cancel it, and start a new one.")
        case Stop.BEYOND_LIMITS:
            return _("Let it go on to ask for the rest, or cancel the rest.")
        case Stop.NO_RIGHT:
            return _("Ask an owner for the right.") + " " + again
        case Stop.SOURCE_GONE | Stop.SNAPSHOT_GONE:
            return _("Cancel the rest.")
        case Stop.TARGET_GONE:
            return _("Cancel the rest, and choose another group.")
        case Stop.LOCKS_LOST:
            return _("Wait until that has ended.") + " " + again
        case Stop.BONUS_BLOCKED:
            return _("An owner can set the unit of the birthday bonus on the account page.")
        case Stop.UNREACHABLE | Stop.STALE:
            return _("Try again later.") + " " + again
        case Stop.LOCKED | Stop.UNKNOWN:
            return again
        case Stop.NOT_EMPTY:
            return _("Look at the list below.")
        case Stop.NOT_REMOVED:
            return _("Remove it on its own page.")
        case Stop.NOT_RECORDED | Stop.SNAPSHOT_UNREADABLE | Stop.ERROR:
            return _("Tell the administrator of this server.")
        case _ as never:
            assert_never(never)


# --- Undo of a job --------------------------------------------------------------------------------


def undo_card(job: Job, user: User, change: Change | None = None) -> dict[str, Any] | None:
    """Return the undo of a job or of one change of it; None if this user may not, or nothing was made.

    It has what the undo would do, in sentences, and the button that sends its form to `action`; without a
    `label` there is nothing to send, and the sentences say why. Of an undo that was started it has the
    address, empty for a request that this user may not see.
    """
    if not JobKind.of(job).may_be_undone_by(user) or not is_undoable(job):
        return None
    undoing = undo_of(job, change)
    preview = preview_of(undoing)
    if not preview.rights or not user.has_perms(preview.rights):
        return None
    action = reverse("groups:undo", args=[change.pk]) if change else reverse("groups:job_undo", args=[job.pk])
    if not undoing._state.adding:
        page = page_of(undoing, user)
        started_url = page.get_absolute_url() if page else ""
        return {"action": action, "label": "", "is_started": True, "started_url": started_url}
    left, made, label = sum(preview.left.values()), sum(preview.made.values()), ""
    if left:
        words = _("Undo") if made == 1 else _("Undo all %(count)s")
        numbers = NumberFormat.current()
        label = (_("Undo %(count)s of %(total)s") if left < made else words) % {
            "count": numbers.count(left),
            "total": numbers.count(made),
        }
    return {"action": action, "label": label, "lines": undo_lines(preview)}


def undos_of(jobs: Iterable[Job]) -> dict[UUID, Job]:
    """Map those of the jobs that are undone as a whole, or about to be, to their undos; see `undo_of`."""
    undos = Job.objects.filter(undo_of__in=[job.pk for job in jobs], wanted__change="")
    undone = {each.undo_of for each in undos.select_related("undo_of") if each.undo_of}
    return {job.pk: undo for job in undone if not (undo := undo_of(job))._state.adding}


def ids_to_undo(jobs: Iterable[Job], user: User) -> set[UUID]:
    """Return the ids of the jobs that have ended and that nobody has undone as a whole, or not all of it."""
    ended = [job for job in jobs if job.state in Job.ENDED and JobKind.of(job).may_be_undone_by(user)]
    return {job.pk for job in ended} - undos_of(ended).keys()


def page_of(undoing: Job, user: User) -> Any:
    """Return the undo, or what it waits for; None if this user may not see that."""
    if undoing.state != Job.State.REQUESTED:
        return undoing
    decision = gates.decision_on(undoing)
    return decision if decision and decision.may_be_seen_by(user) else None


# --- Rows of the history ------------------------------------------------------------------------------------


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
    jobs: Sequence[Job],
    user: User,
    names: Mapping[int, str],
    people: Mapping[int, str],
    group_id: int | None = None,
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


# --- Messages -----------------------------------------------------------------------------------------------


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
    """Report that a job is no longer under way, with its undo."""
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


# --- Warnings in forms --------------------------------------------------------------------------------------


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


def warnings_for(
    old: GroupValues | None, new: GroupValues, namesakes: Sequence[tuple[int, int]] = ()
) -> list[str]:
    """Warn of namesakes too: ids, and numbers of clients, of other groups. `old` is None for a creation."""
    risks = []
    if namesakes:
        # Translators: a group by its number, and its clients: "no. 1, 125 clients"
        words = _("no. %(id)s, %(clients)s")
        known = "; ".join(words % {"id": pk, "clients": clients_words(count)} for pk, count in namesakes)
        if old is None:
            text = _("A group with this name exists already: %(groups)s. Create a second one?")
        else:
            text = _("Another group has this name already: %(groups)s. Give this one the same name?")
        risks.append(text % {"groups": known})
    if old and new.percent - old.percent > PERCENT_LEAP:
        risks.append(
            _("The percent rises from %(old)s to %(new)s.")
            % {"old": percent_words(old.percent), "new": percent_words(new.percent)}
        )
    if old and new.loyalty_type != old.loyalty_type:
        risks.append(
            _("The type changes from “%(old)s” to “%(new)s”: clients will get something else.")
            % {"old": type_label(old.loyalty_type), "new": type_label(new.loyalty_type)}
        )
    if old and old.birthday_bonus and new.birthday_bonus >= old.birthday_bonus * BONUS_FACTOR:
        risks.append(
            _("The birthday bonus becomes at least ten times higher: %(old)s → %(new)s.")
            % {"old": money_words(old.birthday_bonus), "new": money_words(new.birthday_bonus)}
        )
    elif new.birthday_bonus > LARGE_BONUS and (old is None or old.birthday_bonus != new.birthday_bonus):
        risks.append(
            _("The birthday bonus is very large: %(new)s.") % {"new": money_words(new.birthday_bonus)}
        )
    return risks
