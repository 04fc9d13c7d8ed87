"""Read the sales of all clients, one call for a month at most.

A list that fails, was cut, or has a row that names nobody, proves nothing for clients who are not in it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from groups.features.criteria.services.judging import SalesBook, Span, spans_of
from groups.features.criteria.services.previews import Preview
from groups.features.insights.services.sales import MONTH, Period, read_sales
from groups.models import PosterCredentials
from groups.poster import ErrorReason, InvalidResponse, NotAllowed, Unreachable
from groups.poster.fields import KOPECKS
from groups.services.gateway import seconds_left

FAILURES_IN_A_ROW = 2
"""Calls that fail one after the other until the rest is not asked for. One that times out is enough."""
_TIMEOUTS = (ErrorReason.CONNECT_TIMEOUT, ErrorReason.TIMEOUT, ErrorReason.DEADLINE)


class SalesLists:
    """Reads the sales of all periods into a book; `preview` tells what could not be read of them."""

    def __init__(
        self, credentials: PosterCredentials, today: date, periods: Sequence[int], preview: Preview
    ) -> None:
        self.book = SalesBook((MONTH, *periods))
        # Kopecks before discounts in the last month, of all its lists; those paid are in the book.
        self.totals: Counter[int] = Counter()
        # The rows of each list that was read of the last month.
        self._rows_of_month: dict[Span, int] = {}
        self._preview = preview
        self._credentials = credentials
        self._today = today
        self._failures = 0

    def read(self, until: float, alive: Callable[[], object]) -> None:
        """Read the lists, the latest first; `alive` is called after each."""
        for span in spans_of(self.book.periods):
            within = seconds_left(until, "dash.getClientsSales")
            if self._failures >= FAILURES_IN_A_ROW or not self._read(span, within):
                self._preview.unread += 1
                self._preview.has_cost = self._preview.has_cost and span[0] >= MONTH
                self.book.add(span, {}, broken=(), is_whole=False)
            alive()
        # A few days, and months before the first sale, may well be without any; a whole last month hardly.
        if self._rows_of_month and not any(self._rows_of_month.values()):
            self._preview.is_month_empty = True
            for span in self._rows_of_month:
                self.book.add(span, {}, broken=(), is_whole=False)

    def _read(self, span: Span, within: float) -> bool:
        """Add the list of a span to the book; return False if it failed."""
        try:
            found = read_sales(self._credentials, Period(*self._days_of(span)), within=within)
        except NotAllowed:
            self._preview.may_see_sales = False
            self._failures = FAILURES_IN_A_ROW
            return False
        except (Unreachable, InvalidResponse) as error:
            self._failures += FAILURES_IN_A_ROW if error.reason in _TIMEOUTS else 1
            return False
        self._failures = 0
        sales = {sale.id: (int(sale.revenue * KOPECKS), sale.receipts) for sale in found.sales}
        broken = {row.id for row in found.unreadable if row.id is not None}
        names_nobody = found.lost or any(row.id is None for row in found.unreadable)
        self._preview.unread += len(found.unreadable) + found.lost + found.may_be_cut
        self.book.add(span, sales, broken=broken, is_whole=not found.may_be_cut and not names_nobody)
        if span[0] < MONTH:
            self._rows_of_month[span] = found.size
            self.totals.update({sale.id: int(sale.total * KOPECKS) for sale in found.sales})
        return True

    def _days_of(self, span: Span) -> tuple[date, date]:
        """Return the first and the last day of a span, which counts days ago."""
        return self._today - timedelta(days=span[1] - 1), self._today - timedelta(days=span[0])
