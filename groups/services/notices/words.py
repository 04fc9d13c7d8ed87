"""Put events into words, one sentence or two in the active language, on one line each.

Names of groups are in them, the sign-in name of a user only where a token ends. Clients and tokens are not.
"""

from typing import assert_never

from django.template.defaultfilters import date as date_text
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.models import ApprovalRequest, Change, Job, PosterAccount, PosterCredentials, Schedule
from groups.services.jobs.kinds import title_of
from groups.services.values import difference_words


def review(change: Change) -> str:
    """Say why a change needs a person."""
    text = _("A change of “%(group)s” needs a person.") % {"group": change.group_name}
    return _joined(text, f"{capfirst(change.reason_label)}." if change.reason_label else "")


def elsewhere(change: Change) -> str:
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
    return _joined(text % words)


def job(job: Job) -> str:
    """Say that a job has ended, or why it has stopped: the reason goes when it is resumed."""
    if job.state == Job.State.DONE:
        return _joined(_("A job has ended: %(title)s.") % {"title": title_of(job)})
    if job.state != Job.State.STOPPED:
        text = _("A job had stopped by itself, and was resumed: %(title)s.")
        return _joined(text % {"title": title_of(job)})
    stop = Job.Stop(job.reason) if job.reason in Job.Stop.values else Job.Stop.ERROR
    text = _("A job has stopped by itself: %(title)s.") % {"title": title_of(job)}
    return _joined(text, str(stop.label) % {"detail": job.detail})


def schedule(schedule: Schedule) -> str:
    """Say that a planned change was held or missed, and why."""
    words = {"group": schedule.group_name}
    if schedule.state == Schedule.State.MISSED:
        text = _("A planned change of “%(group)s” was missed.") % words
    else:
        text = _("A planned change of “%(group)s” is held: a person has to decide.") % words
    return _joined(text, str(Schedule.Reason(schedule.reason).label))


def request(request: ApprovalRequest) -> str:
    """Say that a request waits, or how it was decided."""
    words = {"what": request.group_name or request.get_kind_display()}
    match request.present_state:
        case ApprovalRequest.State.WAITING:
            text = _("A request beyond the limits waits for a decision: “%(what)s”.")
        case ApprovalRequest.State.APPROVED:
            text = _("A request beyond the limits was approved: “%(what)s”.")
        case ApprovalRequest.State.REFUSED:
            text = _("A request beyond the limits was refused: “%(what)s”.")
        case ApprovalRequest.State.LAPSED:
            text = _("A request beyond the limits has lapsed: “%(what)s”.")
        case _ as never:
            assert_never(never)
    return _joined(text % words)


def token(credentials: PosterCredentials) -> str:
    """Say when a token ends, and whose."""
    left = max((credentials.expires_on - timezone.localdate()).days, 0)
    words = {
        "count": left,
        "user": credentials.user.get_username(),
        "date": date_text(credentials.expires_on, "DATE_FORMAT"),
    }
    text = ngettext(
        "The token of %(user)s ends in %(count)s day, on %(date)s.",
        "The token of %(user)s ends in %(count)s days, on %(date)s.",
        left,
    )
    return _joined(text % words, _("Create a new one in Poster and enter it here."))


def circuit(account: PosterAccount) -> str:
    """Say since when Poster does not answer."""
    since = timezone.localtime(account.opened_at)
    text = _("Poster has not answered for more than 15 minutes, since %(time)s.")
    return _joined(text % {"time": date_text(since, "SHORT_DATETIME_FORMAT")})


def trial(account_id: str) -> str:
    """Say that nothing has happened."""
    return _("A trial: the webhook of “%(account)s” works.") % {"account": account_id}


def _joined(*sentences: str) -> str:
    """Return the sentences on one line: a name may hold anything, and a subject of a mail no line break."""
    return " ".join(" ".join(sentences).split())
