"""Find the events of an account that users are notified of. Features add kinds of events.

They are read from the rows that are kept anyway. Words are made later, in the language of each reader. Names
of groups are in them, the sign-in name of a user only where a token ends; clients and tokens are not.
"""

from bisect import insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from operator import attrgetter

from django.contrib.auth.models import User
from django.db.models import F
from django.template.defaultfilters import date as date_text
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from groups.models import Change, Job, PosterAccount, PosterCredentials
from groups.models.credentials import TOKEN_LIFE
from groups.services.jobs.kinds import JobKind

# Days before the end of a token on which its user is notified.
TOKEN_DAYS = (60, 14, 3)
LONG_OPEN = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in an account; `key` names it for good, `concerns` picks its readers."""

    key: str
    at: datetime
    path: str
    text: Callable[[], str]
    concerns: Callable[[User], bool] = lambda _user: True


type FindEvents = Callable[[PosterAccount, datetime], Iterator[Event]]


@dataclass(frozen=True, slots=True)
class EventSource:
    """The events of one kind, which users choose under its label. `find` yields those after a time.

    One that `needs_person` is reported at once to users who want to hear only where they are needed.
    """

    kind: str
    label: str | Promise
    find: FindEvents
    order: int = 0
    needs_person: bool = False


event_sources: list[EventSource] = []
"""The kinds of events that this installation knows, those of a lower `order` first."""


def event_source(
    kind: str, label: str | Promise, *, order: int = 0, needs_person: bool = False
) -> Callable[[FindEvents], FindEvents]:
    """Let users be notified of a kind of events. `kind` is stored, at most nine letters of it."""

    def add(find: FindEvents) -> FindEvents:
        source = EventSource(kind, label, find, order, needs_person)
        insort(event_sources, source, key=attrgetter("order"))
        return find

    return add


def events_since(account: PosterAccount, since: datetime) -> Iterator[tuple[str, Event]]:
    for source in event_sources:
        for event in source.find(account, since):
            yield source.kind, event


def changes_in(
    state: Change.State, text: Callable[[Change], str], account: PosterAccount, since: datetime
) -> Iterator[Event]:
    """Yield the changes of groups that have come into a state. Those of clients come with their job."""
    rows = Change.objects.of_groups().filter(account=account, settled_at__gt=since, state=state)
    for change in rows.order_by():
        at = change.settled_at or change.created_at
        yield Event(f"{state} {change.pk}", at, change.get_absolute_url(), partial(text, change))


def is_user(user_id: int | None, user: User) -> bool:
    return user.pk == user_id


def one_line(*sentences: object) -> str:
    """A name may hold anything, and the subject of a mail no line break."""
    return " ".join(" ".join(map(str, sentences)).split())


def key_of_end(job: Job, at: datetime) -> str:
    end = Job.State.DONE if job.state == Job.State.DONE else Job.State.STOPPED
    return f"job {job.pk} {end} {at.isoformat()}"


@event_source("review", gettext_lazy("A change needs a person"), order=-1, needs_person=True)
def find_reviews(account: PosterAccount, since: datetime) -> Iterator[Event]:
    return changes_in(Change.State.REVIEW, review_words, account, since)


@event_source("job", gettext_lazy("A bulk change has ended or stopped"), order=-1)
def find_jobs(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Give a stop the same key after the job was resumed, which a person may do before a worker reads it."""
    rows = Job.objects.filter(account=account).order_by()
    for job in (
        *rows.filter(state=Job.State.DONE, finished_at__gt=since),
        *rows.filter(state__in=Job.UNFINISHED, stopped_at__gt=since),
    ):
        at = job.finished_at or job.stopped_at or job.created_at
        yield Event(key_of_end(job, at), at, job.get_absolute_url(), partial(job_words, job))


@event_source("token", gettext_lazy("A token ends in 60, 14 or 3 days"), order=1, needs_person=True)
def find_tokens(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the tokens with one of TOKEN_DAYS left; Poster itself does not say when a token ends."""
    now = timezone.now()
    for days in TOKEN_DAYS:
        before = TOKEN_LIFE - timedelta(days=days)
        near = PosterCredentials.objects.select_related("user").filter(account=account, refused_at=None)
        for credentials in near.filter(connected_at__gt=since - before, connected_at__lte=now - before):
            yield Event(
                f"token {credentials.fingerprint} {days}",
                credentials.connected_at + before,
                reverse("groups:account"),
                partial(token_words, credentials),
                partial(is_user, credentials.user_id),
            )


@event_source("circuit", gettext_lazy("Poster has not answered for 15 minutes"), order=1)
def find_circuits(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the circuit of the account if calls still failed 15 minutes after it had opened.

    At night there may be no call, and an open circuit that no call has tested since says nothing.
    """
    still = F("opened_at") + LONG_OPEN
    for found in PosterAccount.objects.filter(pk=account.pk, failed_at__gte=still, failed_at__gt=since):
        opened_at, failed_at = found.opened_at, found.failed_at
        if opened_at and failed_at:
            key = f"circuit {found.pk} {opened_at.isoformat()}"
            url = reverse("groups:list")
            yield Event(key, failed_at, url, partial(circuit_words, found))


def review_words(change: Change) -> str:
    text = _("A change of “%(group)s” needs a person.") % {"group": change.group_name}
    return one_line(text, f"{capfirst(change.reason_label)}." if change.reason_label else "")


def job_words(job: Job) -> str:
    """Say that a job has ended, or why it has stopped: the reason goes when it is resumed."""
    words = {"title": JobKind.of(job).title}
    match job.state:
        case Job.State.DONE:
            return one_line(_("A bulk change has ended: %(title)s.") % words)
        case Job.State.STOPPED:
            return one_line(_("A bulk change has stopped: %(title)s.") % words, job.stop_words)
        case _:
            return one_line(_("A bulk change had stopped, and was resumed: %(title)s.") % words)


def token_words(credentials: PosterCredentials) -> str:
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
    return one_line(text % words, _("Create a new one in Poster and enter it here."))


def circuit_words(account: PosterAccount) -> str:
    since = timezone.localtime(account.opened_at)
    text = _("Poster has not answered for more than 15 minutes, since %(time)s.")
    return one_line(text % {"time": date_text(since, "SHORT_DATETIME_FORMAT")})
