"""Choose few of many cases that are alike: `make test` runs these, `make test-all` the whole product."""

import os
from itertools import combinations

import pytest
from hypothesis import settings

THOROUGH = "thorough"
# False in a run with `-m "… not thorough"`, as `make test` is one: tests/support/configuration.py sets it.
takes_all = True


def pairs(*values):
    """Return each pair of the values of a case, with their places: the traits for pairwise testing."""
    return set(combinations(enumerate(values), 2))


def covering(cases, traits):
    """Return as few of the cases as needed to see each trait that any of them has.

    `traits(case)` returns a set. The case with the most unseen traits comes first, and of equals the one
    that stands first, so that the choice is the same in each run.
    """
    cases = list(cases)
    chosen, seen = [], set()
    for gain in range(max((len(traits(case)) for case in cases), default=0), 0, -1):
        for case in cases:
            if len(traits(case) - seen) >= gain:
                chosen.append(case)
                seen |= traits(case)
    return chosen


def marked(cases, chosen, name=None):
    """Return the cases for pytest: those that were not chosen have the mark `thorough`.

    A run that takes none of these does not get them: each of its processes would collect thousands of cases
    and deselect them.
    """
    chosen = list(chosen)
    if not takes_all:
        cases = [case for case in cases if case in chosen]
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            id=name(case) if name else None,
            marks=[pytest.mark.thorough] * (case not in chosen),
        )
        for case in cases
    ]


def examples(few, many):
    """Return how many examples of a property are tried: few in `make test`, many in `make test-all`."""
    return many if settings.get_current_profile_name() == THOROUGH else few


def simulated(few, many):
    """Return the seed and the length of each run of a simulation; SIMULATED="1 365" names one for a night."""
    if chosen := os.environ.get("SIMULATED"):
        return [tuple(int(each) for each in chosen.split())]
    return [(1, few), pytest.param(2, many, marks=pytest.mark.thorough)]
