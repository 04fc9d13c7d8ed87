"""Say of several groups which of them a change was planned for, and why not for the others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from django.utils.html import format_html
from django.utils.translation import ngettext

from groups.poster import Group
from groups.services.values import NumberFormat


@dataclass(frozen=True, slots=True)
class OnePlan:
    """The result of planning one of several groups.

    It was made, or is asked for by the request at `asked_url`; or it has a `problem`, or a `question` for the
    form, which is the context of `Show`.
    """

    group: Group
    asked_url: str = ""
    problem: str = ""
    question: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def refused(cls, group: Group, shown: Mapping[str, Any]) -> Self:
        """Return the plan that was not made; `shown` is the context of `Show`."""
        if "question" in shown:
            return cls(group, question=shown)
        if "blocked" in shown:
            return cls(group, problem=str(shown["blocked"]))
        message = shown["holder"].message if "holder" in shown else shown["outcome"]
        return cls(group, problem=f"{message.title}. {message.text}")

    @property
    def is_done(self) -> bool:
        return not self.problem and not self.question


def question_about(plans: Iterable[OnePlan]) -> dict[str, Any]:
    """Return one question for all plans that have one: what it means for each group. Empty without any."""
    held = [plan for plan in plans if plan.question]
    if not held:
        return {}
    beyond = [
        format_html("<bdi>{}</bdi>: {}", plan.group.name, " ".join(plan.question["beyond"])) for plan in held
    ]
    status = max(plan.question["status"] for plan in held)
    return {**held[0].question, "status": status, "beyond": beyond, "held": held}


def several_words(plans: Iterable[OnePlan]) -> str:
    """Return for how many groups a change was planned, and for how many it waits for an approval."""
    plans = list(plans)
    asked = sum(bool(plan.asked_url) for plan in plans)
    planned, numbers = len(plans) - asked, NumberFormat.current()
    words = []
    if planned:
        text = ngettext("Planned for %(count)s group.", "Planned for %(count)s groups.", planned)
        words.append(text % {"count": numbers.count(planned)})
    if asked:
        text = ngettext(
            "%(count)s group waits for an approval.", "%(count)s groups wait for an approval.", asked
        )
        words.append(text % {"count": numbers.count(asked)})
    return " ".join(words)
