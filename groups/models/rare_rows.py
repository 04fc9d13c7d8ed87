"""Define rows that pages ask for, and of which there are mostly none."""

from typing import Any

from django.db.models import Model, Q, QuerySet


class RareRows[Row: Model]:
    """Rows of which an account, a group or a user mostly has none, as open changes, locks and plans.

    To ask for whole rows takes Django two or three times as long as to ask for their ids, so rows are read
    only where there are ids. Half of that time goes into putting a question together, so one that each page
    asks stands in a module, which puts it together once.
    """

    def __init__(self, rows: QuerySet[Row]) -> None:
        self._rows = rows
        # Without an order: SQLite may scan the table for it instead of using an index.
        self._ids = rows.order_by().values_list("pk", flat=True)

    def find(self, *conditions: Q, **values: Any) -> list[Row]:
        """Return those of the rows that meet these conditions too, given as to `filter`."""
        found = self._ids.filter(*conditions, **values)
        return list(self._rows.filter(*conditions, **values)) if found else []
