"""Fixtures of the tests of approvals: a second owner."""

import pytest

from tests.support.people import make_user


@pytest.fixture
def deputy(sandbox):
    return make_user("deputy", role="Owners", account="demo", sandbox=sandbox)
