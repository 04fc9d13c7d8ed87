"""Compare a group with the others before and after a change, by a placebo test in time.

The weeks around the change are judged by the same group at other times: each earlier period of the same
length shows how far the group comes away from the others where nothing was changed. No noise is assumed to
have a known shape, and a verdict takes a year in which no earlier period differed as much.

Placebos in place of a formula: Abadie, Diamond, Hainmueller, "Synthetic Control Methods for Comparative Case
Studies", Journal of the American Statistical Association 105 (2010). Placebos in time, which hold where one
week depends on the one before: Chernozhukov, Wüthrich, Zhu, "An Exact and Robust Conformal Inference Method
for Counterfactual and Synthetic Controls", the same journal 116 (2021). How often a verdict is wrong, and how
often an effect is found, is measured by `make bench ARGS=effect`; docs/guarantees.md has the table.
"""

import math
from collections.abc import Container, Sequence
from statistics import median
from typing import Literal, NamedTuple

HALF = 4
"""Weeks before a point, and weeks from it on, that are compared."""
FEWEST_FOR_INTERVAL, FEWEST_FOR_VERDICT = 8, 45
SAME = 1e-9
"""Logarithms that differ by less are the same: the rest is what floating point made of them."""

type Verdict = Literal["more", "less", "cannot-tell"]


class Comparison(NamedTuple):
    """The weeks after a change beside those before it, as a part of the others; None: not known.

    `periods` counts the earlier periods, `larger` those that differed from the usual course at least as much.
    """

    ratio: float | None
    low: float | None
    high: float | None
    periods: int
    larger: int
    verdict: Verdict


def compare(
    own: Sequence[float | None], others: Sequence[float | None], at: int, excluded: Container[int] = ()
) -> Comparison:
    """Compare the four weeks from `at` on with the four before, and that with all earlier periods.

    `own` and `others` are amounts by member and night of whole weeks; one that is no positive number is not
    known. `excluded` are the weeks that another change of the group touches.
    """
    gaps = [_logarithm(mine, theirs) for mine, theirs in zip(own, others, strict=True)]
    steps = (
        _step(gaps, point)
        for point in range(HALF, at - HALF + 1)
        if not any(week in excluded for week in range(point - HALF, point + HALF))
    )
    earlier = [step for step in steps if step is not None]
    step = _step(gaps, at)
    if step is None:
        return Comparison(None, None, None, len(earlier), 0, "cannot-tell")
    usual = median(earlier) if earlier else 0.0
    effect = step - usual
    deviations = sorted(abs(each - usual) for each in earlier)
    larger = sum(each >= abs(effect) - SAME for each in deviations)
    low = high = None
    if len(earlier) >= FEWEST_FOR_INTERVAL:
        # With fewer than twenty this is the largest.
        spread = deviations[math.ceil(0.95 * len(deviations)) - 1]
        low, high = math.exp(effect - spread), math.exp(effect + spread)
    verdict: Verdict = "cannot-tell"
    if len(earlier) >= FEWEST_FOR_VERDICT and not larger:
        verdict = "more" if effect > 0 else "less"
    return Comparison(math.exp(effect), low, high, len(earlier), larger, verdict)


def _logarithm(own: float | None, others: float | None) -> float | None:
    if own is None or others is None:
        return None
    known = own > 0 and others > 0 and math.isfinite(own) and math.isfinite(others)
    return math.log(own) - math.log(others) if known else None


def _step(gaps: Sequence[float | None], point: int) -> float | None:
    """Return by how much the mean of four weeks from a point on differs from that of the four before."""
    weeks = [gap for gap in gaps[max(point - HALF, 0) : point + HALF] if gap is not None]
    if len(weeks) < 2 * HALF:
        return None
    return (sum(weeks[HALF:]) - sum(weeks[:HALF])) / HALF
