"""Views of the loyalty scheme: the ladder of its rules, the audit of its percents, and its chart."""

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from groups.poster import PosterError
from groups.poster.fields import whole_number
from groups.presenters.costs.cost import problem_words
from groups.presenters.messages import error_words
from groups.presenters.rules.scheme_pages import (
    AuditPage,
    ChartPage,
    LadderPage,
    MemberCount,
    SchemePage,
    Turnover,
)
from groups.services.costs.sales import MONTH, RIGHT, cached_sales
from groups.services.jobs.sales_reading import find_sales
from groups.services.rules.member_sums import READ_AT_ONCE, Questions, Sums, forget_sums, kept_sums, read_on
from groups.services.rules.scheme import Scheme, read_scheme
from groups.views.http.requests import Request, requires
from poster_admin.common.htmx import element_asked_for, render_page


@require_safe
@requires("view_group")
def ladder(request: Request) -> HttpResponse:
    """Show the groups in the order of the rules that lead to them."""
    return _show(request, LadderPage, "groups/rules/ladder.html")


@require_safe
@requires("view_group")
def audit(request: Request) -> HttpResponse:
    """Show own percents of clients that win or lose against their group's, and groups that look wrong."""
    return _show(request, AuditPage, "groups/rules/audit.html")


@require_safe
@requires("view_group")
def chart(request: Request) -> HttpResponse:
    """Show the whole scheme as a picture, with its numbers beside it."""
    scheme = read_scheme(request.credentials, fresh="refresh" in request.GET)
    turnover = None if scheme.groups.failure else _turnover(request)
    page = ChartPage(scheme, turnover, request.user.has_perm)
    return render_page(request, "groups/rules/scheme.html", {"page": page}, fragment="figures")


def _turnover(request: Request) -> Turnover | None:
    """Return the turnover for those who may see sales: the page is shown first and asks for it then."""
    if not request.user.has_perm(RIGHT):
        return None
    if element_asked_for(request) != "figures" and "turnover" not in request.GET:
        return Turnover(cached_sales(request.credentials, MONTH))
    try:
        return Turnover.of(find_sales(request.credentials, MONTH))
    except PosterError as error:
        return Turnover(problem=problem_words(error))


def _show(request: Request, page: type[SchemePage], template: str) -> HttpResponse:
    scheme = read_scheme(request.credentials, fresh="refresh" in request.GET)
    context = {"page": page(scheme, _count(request, scheme), request.user.has_perm)}
    return render_page(request, template, context, fragment="figures")


def _count(request: Request, scheme: Scheme) -> MemberCount:
    """Return how far the clients are counted; read on if asked to, or if one call reads all of them."""
    if scheme.groups.failure:
        return MemberCount(request.path, 0, stalled=True)
    questions = Questions.of(scheme.groups, scheme.ladder)
    if "refresh" in request.GET:
        forget_sums(request.credentials, questions)
    sums = kept_sums(request.credentials, questions)
    asked = element_asked_for(request) == "figures" or "read" in request.GET
    if not (asked or (sums is None and scheme.everybody < READ_AT_ONCE)):
        return MemberCount(request.path, scheme.everybody, sums)
    try:
        sums = read_on(request.credentials, questions)
    except PosterError as error:
        return MemberCount(request.path, scheme.everybody, sums, error_words(error))
    return MemberCount(request.path, scheme.everybody, sums, stalled=_is_stalled(request, sums))


def _is_stalled(request: Request, sums: Sums) -> bool:
    """Return True if the page has asked before and there is no progress: the cache keeps nothing."""
    before = whole_number(request.GET.get("read", "")) or 0
    return not (sums.done or sums.waiting) and 0 < sums.read <= before
