import pytest

from poster_admin.devtools.sandbox import Sandbox
from tests.support.wire import Wire


@pytest.fixture
def sandbox():
    with Sandbox() as running:
        yield running


@pytest.fixture
def wire(sandbox):
    return Wire(sandbox)
