"""Fixtures of the tests of approvals: a second owner, and groups with few clients."""

import pytest

from tests.support.jobs import leave_few
from tests.support.people import make_user


@pytest.fixture
def deputy(sandbox):
    return make_user("deputy", role="Owners", account="demo", sandbox=sandbox)


@pytest.fixture
def few_clients(sandbox):
    leave_few(sandbox)
