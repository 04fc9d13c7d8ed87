from http.client import HTTPConnection
from urllib.parse import urlsplit

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


@pytest.fixture
def connection(sandbox):
    opened = HTTPConnection(urlsplit(sandbox.url).netloc, timeout=5)
    yield opened
    opened.close()
