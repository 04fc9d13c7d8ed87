"""Show jobs as rows of the history, and of the latest changes of one group."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from groups.models import Job
from groups.presenters.changes.change_words import names_words, undo_words
from groups.presenters.job_undo import ids_to_undo, undone_jobs
from groups.services.jobs.kinds import JobKind
from groups.services.values import clients_words, moment_words

WAYS = 5
"""Limit for the pairs of groups that a row names: a run of criteria may have many."""


def job_rows(
    jobs: Sequence[Job], user: User, names: Mapping[int, str], group_id: int | None = None
) -> Iterator[dict[str, Any]]:
    """Yield jobs as rows of the history: with a group, what they have done to that one.

    `names` are those of groups by their ids.
    """
    undone, undoable = undone_jobs(jobs), ids_to_undo(jobs, user)
    for job in jobs:
        kind, moved = JobKind.of(job), list(job.moved.all())
        here = [way for way in moved if group_id in (None, way.from_id, way.to_id)]
        is_undone = job.pk in undone
        # Clients who were created stay, and a job of one edit goes back with its only change.
        goes_back = any(way.from_id for way in moved) or (not moved and job.total > 1)
        yield {
            "job": job,
            "when": localtime(job.created_at),
            "when_words": moment_words(job.created_at),
            "who": names_words(job.user_name, job.asked_by),
            "title": capfirst(str(kind.label)) if here else kind.title,
            "lines": [_way_words(way, names, group_id) for way in here[:WAYS]],
            "has_more": len(here) > WAYS,
            "undo_of": undo_words(job.undo_of, job) if job.undo_of else "",
            "undone": is_undone,
            "state": "undone" if is_undone else job.state,
            "state_label": _("undone") if is_undone else job.get_state_display(),
            "undo_url": f"{job.get_absolute_url()}#undo" if goes_back and job.pk in undoable else "",
        }


def _way_words(way: Any, names: Mapping[int, str], group_id: int | None) -> str:
    """Return how many clients went from which group to which one: seen from a group, or as a whole."""
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
    return _("%(clients)s moved from “%(from)s” to “%(to)s”") % words
