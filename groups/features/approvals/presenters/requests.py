"""Show requests for writes beyond the limits: what is asked for, which limits it breaks, and who decides."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

from groups.features.approvals.models import ApprovalRequest, Breach, Limits
from groups.features.approvals.services.approvals import command_of, may_decide
from groups.features.approvals.services.limits import OWN_BOUND
from groups.models import Change, Job
from groups.models.contents import Effect
from groups.poster import Group
from groups.poster.fields import plain
from groups.presenters.changes.change_diff import Comparison, value_rows
from groups.services.values import NumberFormat, money_words, percent_words, terms_words
from groups.services.writes.commands import GroupCommand

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Limit = Limits.Limit


def breach_words(breach: Breach) -> str:
    """Return a broken limit in a sentence."""
    if breach.limit == OWN_BOUND:
        count = NumberFormat.current().count
        return _("Clients that it would reach: %(asked)s; on its own it may reach %(allowed)s.") % {
            "asked": count(int(breach.asked)),
            "allowed": count(int(breach.allowed)),
        }
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


def approval_rows(command: GroupCommand, now: Group | None) -> Comparison:
    """Return the values of a request: when it was made, now if they differ, and after its approval."""
    wanted = (command.rebased(now.values, now.clients) if now else command).intended
    rows = value_rows(
        asked=command.loaded.to_json() if command.loaded else None,
        now=now.values.to_json() if now else None,
        new=wanted.to_json() if wanted else None,
    )
    return [row | {"changed": row["new"] not in ("", row["now"] or row["asked"])} for row in rows]


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
    def is_for_change(self) -> bool:
        return self.request.kind == ApprovalRequest.CHANGE

    @property
    def job(self) -> Job | None:
        """The job that waits for the request, for a request for one."""
        return self.request.job

    @property
    def title(self) -> str:
        """The name of the group, or the title of the job, that the request is about."""
        return self.request.group_name if self.is_for_change else self.request.asked.title

    @property
    def what(self) -> str:
        """The kind of the write."""
        return (
            str(Change.Action(self.request.action).label) if self.is_for_change else self.request.kind_label
        )

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
        """The effect of the request, in sentences; that of a job only as long as the request waits."""
        if self.is_for_change or (self.job and not self.request.is_waiting):
            return ""
        return self.request.asked.words

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The values of a change: when it was asked for, now if they differ, and afterwards."""
        if not self.is_for_change:
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
        """The writes that were tried for it, the latest first, or the row that was started."""
        if self.is_for_change:
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
        made = self.request.asked.row
        label = str(made.get_state_display())
        return [{"url": made.get_absolute_url(), "label": label, "state": made.state, "why": ""}]
