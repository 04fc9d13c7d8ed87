"""Try a property with many inputs, the same each time."""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.pairwise import examples

INPUTS = int(os.environ.get("PROPERTY_INPUTS") or examples(10, 15))
many = settings(
    max_examples=INPUTS,
    deadline=None,
    database=None,
    derandomize="PROPERTY_INPUTS" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)


def holds_for(*inputs):
    """Try a property now, and also fail if fewer inputs were found than requested."""

    def hold(check):
        tried = 0

        @many
        @given(st.tuples(*inputs))
        def try_one(values):
            nonlocal tried
            tried += 1
            check(*values)

        try_one()
        assert tried >= INPUTS

    return hold
