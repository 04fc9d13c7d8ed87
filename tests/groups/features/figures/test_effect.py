"""Test what is concluded from the weeks around a change: by hand, by properties, and from bad input."""

import math
import random

import pytest

from groups.features.figures.effect import Comparison, compare

AT = 52
NOT_KNOWN = (None, 0, -1, math.nan, math.inf, -math.inf)


def weeks(count=AT + 4, *, seed=1, noise=0.05, step=1.0):
    """Return weeks of a group whose amounts grow by a step each week, beside a noise."""
    chance = random.Random(seed)
    return [100 * step**number * math.exp(chance.gauss(0, noise)) for number in range(count)]


def flat(count=AT + 4):
    return [50.0] * count


def changed(own, by, at=AT):
    return [amount * by if number >= at else amount for number, amount in enumerate(own)]


def assert_same(one, other):
    assert one[3:] == other[3:]
    assert one[:3] == pytest.approx(other[:3])


def test_a_comparison_by_hand():
    # Weeks of e or 1: the steps of the points 4 … 8 are 0, ¼, ½, ¾, 1, so their median is ½.
    own = [1.0] * 8 + [math.e] * 4 + [math.e**2] * 4
    found = compare(own, [1.0] * 16, 12)
    # The point 12 has a step of 1; the deviations of the earlier ones are ½, ¼, 0, ¼, ½.
    assert (found.periods, found.larger, found.verdict) == (5, 2, "cannot-tell")
    assert found.ratio == pytest.approx(math.exp(0.5))
    assert (found.low, found.high) == (None, None)


@pytest.mark.parametrize(("count", "spread"), [(8, 7), (19, 18), (20, 18), (45, 42)])
def test_the_interval_is_the_95th_percentile_of_the_earlier_deviations(count, spread):
    # Each point has a step of its own: their deviations from the median are known by sorting them.
    own = weeks(count + 7 + 4)
    found = compare(own, flat(count + 11), count + 7)
    logs = [math.log(amount) for amount in own]
    steps = [sum(logs[p : p + 4]) / 4 - sum(logs[p - 4 : p]) / 4 for p in range(4, count + 4)]
    middle = (sorted(steps)[(count - 1) // 2] + sorted(steps)[count // 2]) / 2
    reach = math.exp(sorted(abs(step - middle) for step in steps)[spread])
    assert found.periods == count
    assert (found.low, found.high) == pytest.approx((found.ratio / reach, found.ratio * reach))


@pytest.mark.parametrize(("by", "verdict"), [(1.5, "more"), (1 / 1.5, "less")])
def test_a_change_beyond_all_earlier_periods_of_a_year_is_reported(by, verdict):
    found = compare(changed(weeks(), by), flat(), AT)
    assert (found.periods, found.larger, found.verdict) == (45, 0, verdict)
    assert found.low < by < found.high


def test_without_a_year_nothing_is_reported_however_large_it_is():
    found = compare(changed(weeks(), 9)[1:], flat()[1:], AT - 1)
    assert (found.periods, found.larger, found.verdict) == (44, 0, "cannot-tell")
    assert found.low > 1


def test_nothing_is_reported_where_one_earlier_period_differed_as_much():
    own = changed(changed(weeks(noise=0.01), 1.6, at=20), 1.5)
    found = compare(own, flat(), AT)
    assert found.larger > 0
    assert found.verdict == "cannot-tell"


@pytest.mark.parametrize("step", [0.98, 1.0, 1.02])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_drift_is_none(step, noise):
    steady, drifting = (compare(weeks(noise=noise, step=each), flat(), AT) for each in (1.0, step))
    assert_same(drifting, steady)
    assert drifting.verdict == "cannot-tell"


def test_a_course_without_any_noise_is_no_effect():
    assert compare(flat(), flat(), AT) == Comparison(1.0, 1.0, 1.0, 45, 45, "cannot-tell")


@pytest.mark.parametrize("scale", [1e-6, 3.0, 1e6])
def test_scale_does_not_matter(scale):
    own, others = changed(weeks(), 1.2), weeks(seed=2)
    scaled = [scale * amount for amount in own]
    assert_same(compare(scaled, others, AT), compare(own, others, AT))


def test_what_happens_to_all_is_no_effect():
    common = weeks(seed=3, noise=0.5)
    own = [mine * both for mine, both in zip(weeks(), common, strict=True)]
    assert_same(compare(own, common, AT), compare(weeks(), [1.0] * (AT + 4), AT))


def test_more_and_less_are_mirrored():
    own, others = changed(weeks(), 1.3), weeks(seed=2)
    one, other = compare(own, others, AT), compare(others, own, AT)
    assert (one.verdict, other.verdict) == ("more", "less")
    assert (one.ratio, one.low, one.high) == pytest.approx((1 / other.ratio, 1 / other.high, 1 / other.low))
    assert one[3:5] == other[3:5]


def test_weeks_after_the_four_are_not_read():
    own = changed(weeks(), 1.2)
    assert compare([*own, None, 9e9], flat(AT + 6), AT) == compare(own, flat(), AT)


@pytest.mark.parametrize("lost", NOT_KNOWN)
@pytest.mark.parametrize("whose", ["own", "others"])
def test_an_earlier_week_that_is_not_known_takes_the_periods_that_hold_it(lost, whose):
    series = {"own": changed(weeks(), 1.5), "others": flat()}
    series[whose][20] = lost
    found = compare(**series, at=AT)
    assert (found.periods, found.verdict) == (45 - 8, "cannot-tell")
    assert found.low is not None


@pytest.mark.parametrize("lost", NOT_KNOWN)
@pytest.mark.parametrize("week", [AT - 4, AT - 1, AT, AT + 3])
def test_without_one_of_the_eight_weeks_nothing_is_known(lost, week):
    own = weeks()
    own[week] = lost
    found = compare(own, flat(), AT)
    assert found[:3] == (None, None, None)
    assert (found.larger, found.verdict) == (0, "cannot-tell")


def test_weeks_of_another_change_are_in_no_earlier_period():
    own = changed(changed(weeks(noise=0.01), 2, at=20), 1.5)
    assert compare(own, flat(), AT).larger > 0
    found = compare(own, flat(), AT, excluded=range(16, 24))
    assert (found.periods, found.larger) == (45 - 15, 0)


@pytest.mark.parametrize(("at", "periods"), [(4, 0), (7, 0), (8, 1), (14, 7)])
def test_fewer_than_eight_periods_give_no_interval(at, periods):
    found = compare(changed(weeks(at + 4), 2, at), flat(at + 4), at)
    assert found.periods == periods
    assert found.ratio is not None
    assert (found.low, found.high, found.verdict) == (None, None, "cannot-tell")
    assert compare(weeks(19), flat(19), 15).low is not None


@pytest.mark.parametrize("count", [0, 3, 7])
def test_too_few_weeks_are_nothing(count):
    assert compare([1.0] * count, [1.0] * count, 4) == Comparison(None, None, None, 0, 0, "cannot-tell")
    assert compare([1.0] * 8, [1.0] * 8, 3).ratio is None
