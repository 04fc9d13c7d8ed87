"""A line of the table, and how it is printed."""

import sys
from dataclasses import dataclass

WIDTHS = (68, 8, 8, 5, 8, 0)
HEAD = ("row", "measured", "at least", "goal", "reached", "from")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table: the figure that was measured, and those that it should come up to.

    `more` is True where the larger figure is the better one. A row without bounds explains one that has them.
    """

    name: str
    measured: float | None
    at_least: float | None = None
    goal: float | None = None
    more: bool = False
    note: str = ""

    @property
    def reached(self):
        """Return which of the bounds was reached, in a word."""
        if self.measured is None:
            return "unknown"
        if self.at_least is None:
            return ""
        return "goal" if self._reaches(self.goal) else "at least" if self._reaches(self.at_least) else "no"

    def _reaches(self, bound):
        # As it is printed: nobody should read "1.120, at least 1.12: no".
        measured = round(self.measured, 3)
        return measured >= bound if self.more else measured <= bound

    @property
    def cells(self):
        bounds = (_figure(bound, places=2) for bound in (self.at_least, self.goal))
        return (self.name, _figure(self.measured, places=3), *bounds, self.reached, self.note)


def _figure(value, *, places):
    if value is None:
        return "–"
    return f"{value:.{places}f}" if isinstance(value, float) and value < 10 else f"{value:.0f}"


def show_head():
    """Print the head of the table."""
    _show(HEAD)
    _show(["-" * max(width, 3) for width in WIDTHS])


def show(row):
    """Print a row as soon as it is known."""
    _show(row.cells)


def _show(cells):
    padded = (cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True))
    sys.stdout.write(f"| {' | '.join(padded).rstrip()} |\n")
    sys.stdout.flush()
