"""How often "after a change" is wrong, and how often it finds what is there: simulated restaurants.

The truth is known: nothing happens in a restaurant but what its kind says, and then +5, +10 or +20 %. Counted
is a verdict that is false, and one that is right. Each group has three others beside it, and in each week a
noise of 5 %, unless its kind says otherwise.
"""

import argparse
import math
import random
from collections import Counter

from groups.features.figures.effect import HALF, compare

NOISE = 0.05
OTHERS = 3
LENGTHS = (26, 52, 104)
EFFECTS = (0, 5, 10, 20)


def noise(chance, weeks, size=NOISE):
    return [chance.gauss(0, size) for _ in range(weeks)]


def others(chance, weeks, size=NOISE):
    """Return the mean of the logarithms of the others, whose weeks are as unsteady as the group's."""
    return noise(chance, weeks, size / math.sqrt(OTHERS))


def even(chance, weeks):
    return noise(chance, weeks), others(chance, weeks)


def drift(chance, weeks):
    """The group grows by 2 % a week, the others do not."""
    own, theirs = even(chance, weeks)
    return [each + 0.02 * week for week, each in enumerate(own)], theirs


def walk(chance, weeks, size=NOISE):
    """A step of a week stays: the group and the others walk away from each other, 3 % a week."""
    own, theirs = noise(chance, weeks, size), others(chance, weeks, size)
    at = 0.0
    for week in range(weeks):
        at += chance.gauss(0, 0.03)
        own[week] += at
    return own, theirs


def bare_walk(chance, weeks):
    return walk(chance, weeks, 0)


def correlated(chance, weeks, part=0.6):
    """A week has six tenths of the one before."""

    def series(size):
        found = [chance.gauss(0, size)]
        for _ in range(weeks - 1):
            found.append(part * found[-1] + chance.gauss(0, size * math.sqrt(1 - part**2)))
        return found

    return series(NOISE), series(NOISE / math.sqrt(OTHERS))


def season(chance, weeks):
    """The group has a season of ±10 % in a year, with its summit at any time, and the others have none."""
    own, theirs = even(chance, weeks)
    summit = chance.uniform(0, 2 * math.pi)
    return [each + 0.1 * math.cos(2 * math.pi * week / 52 - summit) for week, each in enumerate(own)], theirs


def after_bad_weeks(chance, weeks):
    """The percent is changed because the last two weeks were below the others, by chance."""
    own, theirs = even(chance, weeks)
    last = slice(weeks - HALF - 2, weeks - HALF)
    while any(mine >= each for mine, each in zip(own[last], theirs[last], strict=True)):
        own[last], theirs[last] = noise(chance, 2), others(chance, 2)
    return own, theirs


def holiday(chance, weeks):
    """Two weeks of the four after the change bring half as much again, to all."""
    own, theirs = even(chance, weeks)
    for week in (weeks - 3, weeks - 2):
        own[week] += math.log(1.5)
        theirs[week] += math.log(1.5)
    return own, theirs


def growing(chance, weeks):
    """The variance of the noise grows fivefold."""
    parts = [math.sqrt(1 + 4 * week / (weeks - 1)) for week in range(weeks)]
    return tuple(
        [each * part for each, part in zip(series, parts, strict=True)] for series in even(chance, weeks)
    )


def wild(chance, weeks):
    """The noise itself grows fivefold, from 2 % to 10 %: the worst case that is known."""
    parts = [0.4 * (1 + 4 * week / (weeks - 1)) for week in range(weeks)]
    return tuple(
        [each * part for each, part in zip(series, parts, strict=True)] for series in even(chance, weeks)
    )


def few(chance, weeks):
    """Forty members: a week is what some thirty purchases of very different sums come to."""
    own = []
    for _ in range(weeks):
        bought = sum(chance.random() < 0.7 for _ in range(40)) or 1
        own.append(math.log(sum(chance.expovariate(1) for _ in range(bought))))
    return own, others(chance, weeks)


def outliers(chance, weeks):
    """One week of twenty is half as large again or a third smaller, for the group alone."""
    own, theirs = even(chance, weeks)
    for week in range(weeks):
        if chance.random() < 0.05:
            own[week] += chance.choice((-1, 1)) * math.log(1.5)
    return own, theirs


def gap(chance, weeks):
    """The nights of one week, a half of a year before the change, were not read."""
    own, theirs = even(chance, weeks)
    own[weeks - HALF - 22] = None
    return own, theirs


# Verdicts that may be false at most in percent with 52 weeks, besides chance.
KINDS = {
    "noise": (even, 3.0),
    "a drift of 2 % a week": (drift, 3.6),
    "weeks that resemble the one before (0.6)": (correlated, 3.9),
    "a season of its own, ±10 %": (season, 4.0),
    "changed after two bad weeks": (after_bad_weeks, 4.9),
    "a walk of 3 % with noise": (walk, 6.9),
    "a walk of 3 % alone": (bare_walk, 6.9),
    "a noise whose variance grows fivefold": (growing, 7.8),
    "a noise that grows fivefold": (wild, 13.0),
    "a holiday for all after the change": (holiday, 3.0),
    "a group of 40 members": (few, 3.6),
    "one week of twenty far off": (outliers, 4.9),
    "a week half a year ago not read": (gap, 0.0),
}


def simulate(kind, weeks, draws, effects=EFFECTS, seed=1):
    """Return by effect in how many percent of the draws, with so many weeks before, each verdict is given."""
    chance, counts = random.Random(f"{seed} {kind} {weeks}"), {effect: Counter() for effect in effects}
    for _ in range(draws):
        own, theirs = ([_amount(each) for each in series] for series in KINDS[kind][0](chance, weeks + HALF))
        before, after = own[:weeks], own[weeks:]
        for effect in effects:
            raised = [each * (1 + effect / 100) for each in after]
            counts[effect][compare(before + raised, theirs, weeks).verdict] += 100 / draws
    return counts


def _amount(logarithm):
    return None if logarithm is None else math.exp(logarithm)


def main(arguments):
    """Print the table: by kind, false verdicts without an effect, and effects that are found."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=effect", description=__doc__.partition("\n")[0])
    parser.add_argument("--draws", type=int, default=4_000, help="restaurants of each kind and length")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    print(f"{options.draws} restaurants each, verdicts in %, weeks before the change: {LENGTHS}\n")
    columns = [(effect, weeks) for effect in EFFECTS for weeks in LENGTHS[1:]]
    heads = [f"{f'+{effect} %' if effect else 'false'}, {weeks}" for effect, weeks in columns]
    print("|", " | ".join(["the restaurant", "any, 26", *heads]), "|")
    print("|", " | ".join(["---"] * (2 + len(columns))), "|")
    for kind in KINDS:
        shares = {}
        for weeks in LENGTHS:
            for effect, counts in simulate(kind, weeks, options.draws, seed=options.seed).items():
                given = counts["more"] + counts["less"]
                shares[effect, weeks] = counts["more"] if effect else given
        at_26 = max(shares[effect, LENGTHS[0]] for effect in EFFECTS)
        cells = [f"{at_26:.1f}", *(f"{shares[column]:.1f}" for column in columns)]
        print("|", " | ".join([kind, *cells]), "|", flush=True)
    return 0
