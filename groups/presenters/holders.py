"""Say what holds a lock: what it is, since when, what cannot be done meanwhile, and where to look."""

from dataclasses import dataclass
from functools import singledispatch

from django.utils.translation import gettext as _

from groups.models import Change, Holder, Job
from groups.presenters.messages import Message
from groups.services.values import moment_words
from groups.services.writes.commands import Command


@dataclass(frozen=True, slots=True)
class HolderNotice:
    """The notice about the holder of a lock, for `components/holder.html`.

    `url` leads to the holder, with the words `label`. `kind` is its `data-notice` where nothing was asked for
    yet, and `mark` its icon. `is_short` is True if the holder will be gone soon, so that the same form can be
    sent again.
    """

    message: Message
    url: str
    label: str
    kind: str = "conflict"
    mark: str = "lock"
    is_short: bool = False


@singledispatch
def holder_notice(holder: Holder) -> HolderNotice:
    """Return the notice about what holds a lock; each kind of holder registers its own words here."""
    raise TypeError(f"No notice is registered for {type(holder).__name__}.")


@holder_notice.register
def _change_notice(change: Change) -> HolderNotice:
    words = {"who": change.user_name, "time": moment_words(change.created_at), "name": change.group_name}
    if Command.kind_of(change).removes:
        title = _("A removal has no outcome yet")
        text = _(
            "Poster may still carry out the removal of “%(name)s” by %(who)s of %(time)s, with everybody who "
            "is in the group then. Until its outcome is known, nobody is moved into this group or out of it."
        )
    else:
        title = _("Another change is under way")
        text = _(
            "A change by %(who)s of %(time)s has no outcome yet; until then nobody can change the group here."
        )
    message = Message(title, text % words)
    return HolderNotice(message, change.get_absolute_url(), _("Look at the change"), is_short=True)


@holder_notice.register
def _job_notice(job: Job) -> HolderNotice:
    words = {
        "who": job.user_name,
        "time": moment_words(job.created_at),
        "from": job.group_name,
        "to": job.target_name or "–",
    }
    advice = ""
    if job.is_unfinished:
        text = _("A job by %(who)s of %(time)s is at this group: “%(from)s” → “%(to)s”.")
        advice = _("Until the job has ended or is cancelled, the group cannot be removed.")
    else:
        text = _(
            "A job by %(who)s of %(time)s has ended, but the outcome of its last writes is not known yet: "
            "“%(from)s” → “%(to)s”."
        )
    message = Message(_("Clients are being moved"), text % words, advice)
    return HolderNotice(message, job.get_absolute_url(), _("Look at the job"), kind="unknown", mark="clock")
