"""Find the events that people may be told of. Each kind has one function, named in SOURCES.

Events are read from the rows that the history, the jobs and the plans keep anyway, so none can be forgotten
where such a row is written. Words are made later, in the language of each reader.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.contrib.auth.models import User
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from groups.models import ApprovalRequest, Change, Job, NoticeKind, PosterAccount, PosterCredentials, Schedule
from groups.models.credentials import TOKEN_LIFE
from groups.services import approvals
from groups.services.notices import words

# Days before the end of a token on which its user is told.
TOKEN_DAYS = (60, 14, 3)
LONG_OPEN = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in an account; `key` names it for good.

    `concerns` tells whether a user may be told of it; the webhook is told of all.
    """

    kind: NoticeKind
    key: str
    at: datetime
    path: str
    text: Callable[[], str]
    concerns: Callable[[User], bool] = lambda _user: True


def events_since(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the events of an account after a time."""
    for source in SOURCES.values():
        yield from source(account, since)


def _changes(
    kind: NoticeKind,
    state: Change.State,
    text: Callable[[Change], str],
    account: PosterAccount,
    since: datetime,
) -> Iterator[Event]:
    """Yield the changes of groups that have come into a state. Those of clients are told with their job."""
    rows = Change.objects.of_groups().filter(account=account, settled_at__gt=since, state=state)
    for change in rows.order_by():
        at = change.settled_at or change.created_at
        url = reverse("groups:change", args=[change.pk])
        yield Event(kind, f"{kind} {change.pk}", at, url, partial(text, change))


def _jobs(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the jobs that are done, and those that have stopped, which may happen to one several times.

    A stop has the same key after the job was resumed, which a person may do before anybody looks.
    """
    rows = Job.objects.known().filter(account=account).order_by()
    for job in (
        *rows.filter(state=Job.State.DONE, finished_at__gt=since),
        *rows.filter(state__in=Job.UNFINISHED, stopped_at__gt=since),
    ):
        at = job.finished_at or job.stopped_at or job.created_at
        url = reverse("groups:job", args=[job.pk])
        end = Job.State.DONE if job.state == Job.State.DONE else Job.State.STOPPED
        key = f"job {job.pk} {end} {at.isoformat()}"
        yield Event(NoticeKind.JOB, key, at, url, partial(words.job, job))


def _schedules(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the planned changes that were held or missed; one that was taken up again may be held again."""
    rows = Schedule.objects.filter(account=account, ended_at__gt=since)
    states = (Schedule.State.HELD, Schedule.State.MISSED)
    for schedule in rows.filter(state__in=states).order_by():
        at = schedule.ended_at or schedule.created_at
        key = f"schedule {schedule.pk} {schedule.state} {at.isoformat()}"
        url = reverse("groups:schedules")
        yield Event(NoticeKind.SCHEDULE, key, at, url, partial(words.schedule, schedule))


def _requests(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the requests that wait, to those who may decide them; those that have ended, to who asked.

    One whose approved write changed nothing waits again, and may be approved again.
    """
    for request in approvals.moved_since(since).filter(account=account).order_by():
        state = request.present_state
        concerns = partial(_is, request.user_id)
        if state == ApprovalRequest.State.WAITING:
            concerns = partial(approvals.may_decide, request)
        is_lapsed = state == ApprovalRequest.State.LAPSED
        at = request.lapses_at if is_lapsed else request.decided_at or request.created_at
        url = reverse("groups:request", args=[request.pk])
        key = f"request {request.pk} {state} {at.isoformat()}"
        yield Event(NoticeKind.REQUEST, key, at, url, partial(words.request, request), concerns)


def _is(user_id: int | None, user: User) -> bool:
    return user.pk == user_id


def _tokens(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the tokens that have come this near to their end: Poster itself tells no end of them."""
    now = timezone.now()
    for days in TOKEN_DAYS:
        before = TOKEN_LIFE - timedelta(days=days)
        near = PosterCredentials.objects.select_related("user").filter(account=account, refused_at=None)
        for credentials in near.filter(connected_at__gt=since - before, connected_at__lte=now - before):
            yield Event(
                NoticeKind.TOKEN,
                f"token {credentials.fingerprint} {days}",
                credentials.connected_at + before,
                reverse("groups:account"),
                partial(words.token, credentials),
                partial(_is, credentials.user_id),
            )


def _circuits(account: PosterAccount, since: datetime) -> Iterator[Event]:
    """Yield the circuit of the account if calls still failed 15 minutes after it had opened.

    Nobody may call Poster at night: an open circuit that no call has tested since says nothing.
    """
    still = F("opened_at") + LONG_OPEN
    for found in PosterAccount.objects.filter(pk=account.pk, failed_at__gte=still, failed_at__gt=since):
        opened_at, failed_at = found.opened_at, found.failed_at
        if opened_at and failed_at:
            key = f"circuit {found.pk} {opened_at.isoformat()}"
            url = reverse("groups:list")
            yield Event(NoticeKind.CIRCUIT, key, failed_at, url, partial(words.circuit, found))


SOURCES: dict[NoticeKind, Callable[[PosterAccount, datetime], Iterator[Event]]] = {
    NoticeKind.REVIEW: partial(_changes, NoticeKind.REVIEW, Change.State.REVIEW, words.review),
    NoticeKind.JOB: _jobs,
    NoticeKind.SCHEDULE: _schedules,
    NoticeKind.REQUEST: _requests,
    NoticeKind.ELSEWHERE: partial(_changes, NoticeKind.ELSEWHERE, Change.State.ELSEWHERE, words.elsewhere),
    NoticeKind.TOKEN: _tokens,
    NoticeKind.CIRCUIT: _circuits,
}
