"""Draw the number of clients of a group over time: a line, and its numbers."""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from groups.services.values import NumberFormat

WIDTH, HEIGHT = 100, 24
ROOM = 2
"""Free space above and below the line, so that its thickness is not cut off."""

type Counts = Sequence[tuple[date, int]]


class CountLine:
    """The line, with the first and the last figure, the least and the most.

    `points` are those of an SVG polyline. `steps` are the days on which the number differed from the figure
    before, the latest first, and the first day: with them, the picture can be read as a table.
    """

    def __init__(self, counts: Counts) -> None:
        numbers = [number for _day, number in counts]
        self.first, self.last, self.least, self.most = numbers[0], numbers[-1], min(numbers), max(numbers)
        self.since, days = counts[0][0], (counts[-1][0] - counts[0][0]).days
        changed = [after for before, after in pairwise(counts) if after[1] != before[1]]
        self.steps = (*reversed(changed), counts[0])
        points = []
        for day, number in counts:
            # A number that never changed is a line in the middle.
            part = (number - self.least) / (self.most - self.least) if self.most > self.least else 0.5
            x, y = WIDTH * (day - self.since).days / days, HEIGHT - ROOM - part * (HEIGHT - 2 * ROOM)
            points.append(f"{x:.2f},{y:.2f}")
        self.points = " ".join(points)

    @property
    def change(self) -> str:
        """The difference between the last figure and the first, with its sign; empty if there is none."""
        change = self.last - self.first
        sign = "+" if change > 0 else ""
        return f"{sign}{NumberFormat.current().count(change)}" if change else ""


def draw_counts(counts: Counts) -> CountLine | None:
    """Draw the figures of a group in the order of their days; None for fewer than two days."""
    return CountLine(counts) if len(counts) > 1 else None
