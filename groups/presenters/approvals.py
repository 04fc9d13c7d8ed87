"""Show requests for writes beyond the limits: what is asked for, which limits it breaks, and who decides."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

from groups.features.schedules.presenters.rows import planned_words
from groups.models import ApprovalRequest, Change, Job, Limits
from groups.models.contents import Breach, Effect
from groups.poster import Group
from groups.poster.fields import plain
from groups.presenters.changes.change_diff import approval_rows
from groups.services.approvals import command_of, may_decide
from groups.services.jobs.kinds import JobKind, title_of
from groups.services.values import NumberFormat, money_words, percent_words, terms_words

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Kind, Limit = ApprovalRequest.Kind, Limits.Limit


def breach_words(breach: Breach) -> str:
    """Return a broken limit in a sentence."""
    match Limit(breach.limit):
        case Limit.MAX_PERCENT:
            text = _("The percent would be %(asked)s; the limit is %(allowed)s.")
            words = percent_words(breach.asked), percent_words(breach.allowed)
        case Limit.MAX_RISE:
            text = _("The percent would rise by %(asked)s points; the limit is %(allowed)s.")
            words = _points(breach.asked), _points(breach.allowed)
        case Limit.MAX_BIRTHDAY_BONUS:
            text = _("The birthday bonus would be %(asked)s; the limit is %(allowed)s.")
            words = money_words(breach.asked), money_words(breach.allowed)
        case Limit.MAX_CLIENTS:
            text = _("Clients that it would reach: %(asked)s; the limit is %(allowed)s.")
            count = NumberFormat.current().count
            words = count(int(breach.asked)), count(int(breach.allowed))
    return text % {"asked": words[0], "allowed": words[1]}


def _points(number: Any) -> str:
    return plain(number).replace(".", NumberFormat.current().point)


def _terms(group: Group) -> str:
    bonus = group.effective_bonus
    return " · ".join(
        [terms_words(group), *([_("birthday: %(bonus)s") % {"bonus": money_words(bonus)}] if bonus else [])]
    )


@dataclass(frozen=True)
class RequestPage:
    """A request, as a row of the list and as a page; `now` has its present effect where that was read."""

    request: ApprovalRequest
    user: "User"
    now: Effect | None = None

    @property
    def url(self) -> str:
        return reverse("groups:request", args=[self.request.pk])

    @property
    def job(self) -> Job | None:
        """The job that waits for the request, for a request for one."""
        return self.request.job

    @property
    def title(self) -> str:
        """The name of the group, or the title of the job, that the request is about."""
        return title_of(self.job) if self.job else self.request.group_name

    @property
    def what(self) -> str:
        """The kind of the write."""
        if self.request.kind == Kind.CHANGE:
            return str(Change.Action(self.request.action).label)
        return str(Kind(self.request.kind).label)

    @property
    def breaches(self) -> list[str]:
        return [breach_words(breach) for breach in self.request.broken]

    @property
    def may_decide(self) -> bool:
        return self.request.is_waiting and may_decide(self.request, self.user)

    @property
    def is_own(self) -> bool:
        return self.request.user_id == self.user.pk

    @property
    def words(self) -> str:
        """The values of a planned change, or what an undo would do, in sentences."""
        if self.request.kind == Kind.SCHEDULE:
            return planned_words(self.request.schedule)
        if self.job is None or not self.request.is_waiting:
            return ""
        return JobKind.of(self.job).request_words

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The values of a change: when it was asked for, now if they differ, and afterwards."""
        if self.request.kind != Kind.CHANGE:
            return []
        return approval_rows(
            command_of(self.request), self.now.group if self.now and self.changed_groups else None
        )

    @property
    def groups_now(self) -> tuple[Group, ...] | None:
        """The groups that it writes or moves clients out of, as they are now, or None."""
        return self.now.groups if self.now else None

    @cached_property
    def changed_groups(self) -> list[str]:
        """The names of the groups that have other values than when it was asked for."""
        asked = self.request.asked_effect
        if self.now is None or asked is None:
            return []
        before = {group.id: group.values for group in asked.all_groups}
        return [group.name for group in self.now.all_groups if before.get(group.id) != group.values]

    @property
    def reached(self) -> tuple[str, str]:
        """The number of clients that it would reach now, and the one when it was asked if that is another."""
        count, asked = NumberFormat.current().count, self.request.asked_effect
        if self.now is None:
            return "", ""
        is_other = asked is not None and asked.clients != self.now.clients
        return count(self.now.clients), count(asked.clients) if asked and is_other else ""

    @property
    def target(self) -> tuple[str, str]:
        """The group that clients would go to with its terms, and the terms when it was asked if others."""
        if self.now is None or self.now.target is None:
            return "", ""
        asked = self.request.asked_effect
        now, then = _terms(self.now.target), _terms(asked.target) if asked and asked.target else ""
        return now, then if then != now else ""

    @property
    def outcomes(self) -> list[dict[str, str]]:
        """The writes that were tried for it, the latest first, or the job or plan that came of it."""
        if self.request.kind == Kind.CHANGE:
            return [
                {
                    "url": reverse("groups:change", args=[change.pk]),
                    "label": str(change.get_state_display()),
                    "state": change.state,
                    "why": change.reason_label,
                }
                for change in self.request.changes.all()
            ]
        if self.request.present_state != ApprovalRequest.State.APPROVED:
            return []
        made = self.job or self.request.schedule
        url = reverse("groups:job", args=[self.job.pk]) if self.job else reverse("groups:schedules")
        return [{"url": url, "label": str(made.get_state_display()), "state": made.state, "why": ""}]
