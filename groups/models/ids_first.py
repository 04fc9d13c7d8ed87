"""Define queries for rows that pages look up often and seldom find."""

from typing import Any

from django.db.models import Model, Q, QuerySet


class IdsFirst[Row: Model]:
    """Rows that an account, a group or a user seldom has: open changes, locks and plans.

    Django takes two or three times as long for whole rows as for their ids, so rows are read only where ids
    are found. Half of that time goes into building a query, so one that every page runs is a constant of a
    module.
    """

    def __init__(self, rows: QuerySet[Row]) -> None:
        self._rows = rows
        # Without an order: SQLite may scan the table for it instead of using an index.
        self._ids = rows.order_by().values_list("pk", flat=True)

    def find(self, *conditions: Q, **values: Any) -> list[Row]:
        found = self._ids.filter(*conditions, **values)
        return list(self._rows.filter(*conditions, **values)) if found else []
