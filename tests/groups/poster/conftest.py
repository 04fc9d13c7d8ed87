"""Fixtures: a fresh sandbox, a client for it, and a check that no token is logged."""

import logging

import pytest
import trustme

from groups.poster import PosterClient, Transport
from tests.support.leaks import Ear, assert_masked
from tests.support.timeouts import TIMEOUTS


@pytest.fixture
def sandbox(sandbox_server):
    """Return a sandbox with the seed's data; Django's settings do not refer to it."""
    sandbox_server.reset()
    sandbox_server.latency = 0.0
    sandbox_server.unique_names = False
    yield sandbox_server
    sandbox_server.clear_faults()


@pytest.fixture(scope="session")
def one_authority(tmp_path_factory):
    """Return a file with one certificate authority: to read certifi's takes as long as six calls."""
    path = tmp_path_factory.mktemp("authorities") / "one.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def transport(one_authority):
    transport = Transport(ca_file=one_authority)
    yield transport
    transport.close()


@pytest.fixture
def connect(sandbox, transport):
    """Return a function that creates a client of an account: `connect("kavarnia", timeouts=SHORT)`."""

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
    """Return a function that returns the posted forms."""
    return lambda: [call.form for call in sandbox.posts()]


@pytest.fixture(autouse=True)
def ear():
    """Listen to every logger at DEBUG, urllib3 as in the settings, and fail if a token is logged."""
    ear, root, urllib3 = Ear(), logging.getLogger(), logging.getLogger("urllib3")
    before = root.level, urllib3.level
    root.setLevel(logging.DEBUG)
    urllib3.setLevel(logging.ERROR)
    # Once loaded, the settings keep urllib3 from the root logger.
    for logger in {root, root if urllib3.propagate else urllib3}:
        # Run before the settings' own handler, which masks the record for all later ones.
        logger.handlers.insert(0, ear)
    yield ear
    for logger in (root, urllib3):
        logger.removeHandler(ear)
    root.setLevel(before[0])
    urllib3.setLevel(before[1])
    for line in ear.lines:
        assert_masked(line)
