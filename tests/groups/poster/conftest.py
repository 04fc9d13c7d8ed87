"""A fresh Poster and a client of it, and a watch over what is logged meanwhile."""

import logging

import pytest

from groups.poster import PosterClient, Timeouts, Transport
from tests.groups.poster.leaks import Ear, assert_masked

TIMEOUTS = Timeouts(connect=2, read=4, read_deadline=8, write_deadline=8)


@pytest.fixture
def sandbox(sandbox_server):
    """Return a Poster as the seed has it; no setting of Django's knows of it."""
    sandbox_server.reset()
    sandbox_server.latency = 0.0
    sandbox_server.unique_names = False
    yield sandbox_server
    sandbox_server.clear_faults()


@pytest.fixture
def transport():
    transport = Transport()
    yield transport
    transport.close()


@pytest.fixture
def connect(sandbox, transport):
    """Return a function that gives a client of an account: `connect("kavarnia", timeouts=SHORT)`."""

    def connect(account="demo", token=None, **options):
        token = token if token is not None else sandbox.accounts[account].token
        return PosterClient(
            account, token, **{"url": sandbox.url, "timeouts": TIMEOUTS, "transport": transport} | options
        )

    return connect


@pytest.fixture
def poster(connect):
    return connect()


@pytest.fixture
def posts(sandbox):
    """Return a function that gives the forms that were posted."""
    return lambda: [call.form for call in sandbox.posts()]


@pytest.fixture
def _no_pause(monkeypatch):
    """Repeat at once: that a pause lies between is a test of its own."""
    monkeypatch.setattr("groups.poster.client.random.uniform", lambda _low, _high: 0.0)


@pytest.fixture(autouse=True)
def ear():
    """Hear every logger at DEBUG, urllib3 as the settings have it, and let no token pass."""
    ear, root, urllib3 = Ear(), logging.getLogger(), logging.getLogger("urllib3")
    before = root.level, urllib3.level
    root.setLevel(logging.DEBUG)
    urllib3.setLevel(logging.ERROR)
    # Settings that have been loaded keep urllib3 from the root.
    for logger in {root, root if urllib3.propagate else urllib3}:
        # Ahead of the settings' own handler, which masks the record for all that follow.
        logger.handlers.insert(0, ear)
    yield ear
    for logger in (root, urllib3):
        logger.removeHandler(ear)
    root.setLevel(before[0])
    urllib3.setLevel(before[1])
    for line in ear.lines:
        assert_masked(line)
