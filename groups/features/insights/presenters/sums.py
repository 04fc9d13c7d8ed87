"""Say where sums for a page come from, how far they are, or why there are none."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from groups.features.insights.services.sales_sums import Period, Sales
from groups.features.insights.services.sweep import SweepProgress
from groups.poster import NotAllowed, PosterError
from groups.poster.sales import CUT
from groups.presenters.messages import Message, error_words
from groups.services.values import NumberFormat, moment_words

SALES = "dash.getClientsSales"


@dataclass(frozen=True, slots=True)
class ShownSums[T]:
    """Sums for a page, the progress of adding them up, or the problem: the reason for neither.

    It is empty until the page asks for them, at `url`. `failure` is the error behind the problem.
    """

    url: str = ""
    sums: T | None = None
    progress: SweepProgress | None = None
    problem: Message | None = None
    failure: PosterError | None = None

    def ask(self, find: Callable[[], T | SweepProgress | None]) -> Self:
        """Return this with what `find` returns, or the words of the error that it raises."""
        try:
            found = find()
        except PosterError as error:
            return replace(self, problem=problem_words(error), failure=error)
        if isinstance(found, SweepProgress):
            return replace(self, progress=found)
        return replace(self, sums=found)

    @property
    def poll_trigger(self) -> str:
        """The trigger with which the page asks for them; empty once there is an answer."""
        if self.sums or self.problem:
            return ""
        return "load delay:2s" if self.progress else "load"


def days_words(period: Period) -> dict[str, str]:
    """Return the first and the last day of a period."""
    days = {"first": period.first, "last": period.last}
    return {name: date_format(day, "SHORT_DATE_FORMAT") for name, day in days.items()}


def as_of_words(sales: Sales) -> str:
    """Return when the sums were read, and when they are read again."""
    text = _("As Poster had it on %(time)s; it is added up once a day, and after clients were moved.")
    if sales.provisional:
        text = _(
            "As Poster had it on %(time)s, when clients were being moved: some may count for the group "
            "that they have left. It is added up again in a few minutes."
        )
    return text % {"time": moment_words(sales.as_of)}


def unreadable_words(count: int) -> str:
    """Return how many rows are in no sum; empty if there are none."""
    words = ngettext(
        "%(count)s row of Poster's could not be read and is left out, so it may be more.",
        "%(count)s rows of Poster's could not be read and are left out, so it may be more.",
        count,
    )
    return words % {"count": NumberFormat.current().count(count)} if count else ""


def lacking_words(sales: Sales) -> str:
    """Return what sums of sales may lack; empty if they are of all that Poster has."""
    text = _(
        "Poster has listed exactly %(count)s buyers, so it may have left others out, and it may be more."
    )
    cut = text % {"count": NumberFormat.current().count(CUT)} if sales.may_be_cut else ""
    return " ".join(filter(None, (unreadable_words(sales.unreadable), cut)))


def problem_words(error: PosterError) -> Message:
    """Return why there is no figure, and who can help."""
    words = error_words(error)
    # The codes 503 and 700 are about the account or its plan, and not about the token.
    if not isinstance(error, NotAllowed) or error.code in (503, 700) or error.method != SALES:
        return words
    return Message(
        _("Your token may not see sales"),
        _("Poster knows the token, but it lacks the right to statistics. Everything else works as before."),
        _("The owner of the Poster account can give it: a token with the right to statistics."),
        words.details,
    )
