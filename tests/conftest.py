"""Provide every test with a Poster of its own, users in their roles, and clients that are signed in.

The people are named after what they may do: `manager` looks, `staff` edits, `owner` may do all; all three
are connected to the account `demo` of the sandbox. `outsider` is an owner at another account, `newcomer`
is staff who has not connected yet, and `nobody` has no role at all.
"""

import gc
import importlib
import logging
import re
import shutil
from io import StringIO

import pytest
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.urls import clear_url_caches
from django.utils import timezone, translation
from hypothesis import HealthCheck
from hypothesis import settings as profiles

from groups.features.insights.models import Sweep
from groups.features.insights.services import sweep
from groups.models import WorkerHeartbeat
from groups.services.jobs import queue
from poster_admin.common.logs import RedactFilter, formatter
from poster_admin.devtools.sandbox import Sandbox
from tests.support import environment, programs
from tests.support.databases import drop_template, migrated, migrated_template
from tests.support.mail import mail_server
from tests.support.pairwise import THOROUGH
from tests.support.people import make_user, sign_in
from tests.support.programs import NOT_RUN

# The time to draw or try an example depends on the machine, and is no reason to fail.
profiles.register_profile(
    "poster_admin", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=40
)
# More examples: `make test-all` takes this one.
profiles.register_profile(THOROUGH, parent=profiles.get_profile("poster_admin"), max_examples=100)
profiles.load_profile("poster_admin")


# --- Tests that are the same on every database, and the order of all ------------------------------------


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config, items):
    # Before `-m` chooses.
    for item in items:
        if not (uses_database(item) and (has_transactions(item) or ON_EACH_DATABASE.search(item.nodeid))):
            item.add_marker("once")
    result = yield
    # After all have been put into a random order.
    items[:] = slow_in_turn(items, getattr(config, "workerinput", {}).get("workercount", 1))
    return result


def pytest_collection_finish():
    # The modules and the tests stay: a garbage collection need not go through them each time, a tenth of all.
    gc.collect()
    gc.freeze()


def slow_in_turn(items, processes):
    """Return the tests in an order in which one process after the other waits while the rest compute.

    pytest-xdist gives each process an equal part of the tests, in their order. A slow test mostly waits: were
    all of them first, all processes would wait at once; were they last, one would at the end. So the first
    process begins with its slow ones, the second has them a little later, and so on, the last one before half
    of its tests. Tests of a module stay together: they share their servers. The last process begins with the
    tests in a browser: each process that has one of them starts a browser.
    """
    slow, others, in_browser = {}, [], []
    for item in items:
        needs = item.get_closest_marker("needs")
        if needs and "chromium" in needs.args:
            in_browser.append(item)
        elif item.get_closest_marker("slow"):
            slow.setdefault(item.path, []).append(item)
        else:
            others.append(item)
    modules, ordered = list(slow.values()), []
    for process in range(processes):
        size = (len(items) - len(ordered)) // (processes - process)
        waiting = [item for module in modules[process::processes] for item in module]
        quick = others[: max(size - len(waiting), 0)]
        del others[: len(quick)]
        before = len(quick) * process // (2 * processes)
        ordered += in_browser * (process == processes - 1) + quick[:before] + waiting + quick[before:]
    return ordered + others


# Where another database could answer otherwise within one transaction: queries, constraints, times. Pages and
# people ask for the same.
ON_EACH_DATABASE = re.compile(
    r"tests/(common|groups/(models|services|spreadsheets|views/journal))/"
    r"|/(test_steps|test_outbox|test_sessions|test_watch)\.py"
)


def has_transactions(item):
    """Return True for a test whose transactions are real: of locks, leases, threads and jobs."""
    marker = item.get_closest_marker("django_db")
    return bool(marker and marker.kwargs.get("transaction")) or "transactional_db" in item.fixturenames


def uses_database(item):
    """Return True if a test is given the database of the run: whatever starts servers brings its own."""
    return bool(
        item.get_closest_marker("django_db")
        or {"db", "transactional_db", "live_server"} & set(item.fixturenames)
    )


# --- Tests that cannot be run: said loudly, and a failure in CI ------------------------------------------


def pytest_runtest_setup(item):
    needs = item.get_closest_marker("needs")
    if needs and (missing := programs.missing(*needs.args)):
        programs.not_run(missing)


def pytest_unconfigure():
    if environment.MAKES_SCRATCH:
        drop_template()


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", ())
    reasons = [report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)]
    reasons = [reason for reason in reasons if NOT_RUN in reason]
    if reasons:
        terminalreporter.section(f"{len(reasons)} TESTS WERE NOT RUN", red=True, bold=True)
        for reason in sorted(set(reasons)):
            terminalreporter.line(f"{reasons.count(reason)} x {reason}", red=True)


# --- Database, cache, language -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix, tmp_path_factory):
    """Copy a migrated database. SQLite's is a file: threads that share one in memory lock each other out."""
    for each in connections.all():
        if each.vendor == "sqlite":
            path = tmp_path_factory.mktemp("database") / "test.sqlite3"
            each.settings_dict["TEST"]["NAME"] = str(shutil.copy(migrated(), path))
        else:
            each.settings_dict["TEST"]["TEMPLATE"] = migrated_template(environment.POSTGRES_URL)


@pytest.fixture(scope="session")
def django_db_keepdb():
    """Let Django take the migrated SQLite database that is there."""
    return all(each.vendor == "sqlite" for each in connections.all())


@pytest.fixture(autouse=True)
def _clean_slate():
    forget()
    # A request changes the language of its thread, here the only one.
    with translation.override("en"):
        yield
    forget()


def forget():
    """Empty all that is remembered of Poster's answers."""
    cache.clear()


@pytest.fixture(autouse=True)
def _a_worker_runs(request):
    """Let a worker have been seen just now: without one every page has a banner."""
    if uses_database(request.node):
        request.getfixturevalue("db")
        WorkerHeartbeat.objects.create(pk="a worker", seen_at=timezone.now())


# --- Poster --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sandbox_server():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_server, settings):
    """Return a Poster as the seed has it, to which the settings point."""
    sandbox_server.reset()
    sandbox_server.latency = 0.0
    sandbox_server.unique_names = False
    settings.POSTER_API_URL = sandbox_server.url
    yield sandbox_server
    sandbox_server.clear_faults()


# --- People --------------------------------------------------------------------------------------------


@pytest.fixture
def work_queue():
    """Return a function that does the jobs and the sweeps that are due, and each further try of a sweep."""

    def work():
        queue.run_due_jobs()
        for _ in range(sweep.TRIES):
            Sweep.objects.update(next_at=timezone.now())
            for account in sweep.accounts_due():
                sweep.sweep_due(account)

    return work


@pytest.fixture
def manager(db, sandbox):
    return make_user("manager", role="Managers", account="demo", sandbox=sandbox)


@pytest.fixture
def staff(db, sandbox):
    return make_user("staff", role="Staff", account="demo", sandbox=sandbox)


@pytest.fixture
def owner(db, sandbox):
    return make_user("owner", role="Owners", account="demo", sandbox=sandbox)


@pytest.fixture
def outsider(db, sandbox):
    return make_user("outsider", role="Owners", account="kavarnia", sandbox=sandbox)


@pytest.fixture
def newcomer(db, sandbox):
    return make_user("newcomer", role="Staff")


@pytest.fixture
def nobody(db):
    return make_user("nobody")


@pytest.fixture
def browse(settings):
    """Return a function that gives a test client: `browse(staff).get("/groups/")`, in English if not told."""

    def browse(user=None, *, language="en", **options):
        client = Client(**options)
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        if user is not None:
            sign_in(client, user)
        return client

    return browse


@pytest.fixture
def styleguide(settings):
    """Switch DEBUG on, and with it the gallery for developers; return its address."""
    import poster_admin.urls

    def read_addresses_again():
        importlib.reload(poster_admin.urls)
        clear_url_caches()

    settings.DEBUG = True
    read_addresses_again()
    yield "/styleguide/"
    settings.DEBUG = False
    read_addresses_again()


@pytest.fixture
def inbox(settings, tmp_path, monkeypatch):
    """Return the inbox of a real mail server, to which the settings lead."""
    with mail_server(settings, tmp_path, monkeypatch) as inbox:
        yield inbox


@pytest.fixture
def log_stream():
    """Return a function that adds a stream to the log, as the server does for a format, and returns it."""
    root, handlers = logging.getLogger(), []

    def log_stream(name):
        handler = logging.StreamHandler(StringIO())
        handler.addFilter(RedactFilter())
        handler.setFormatter(formatter(name))
        root.addHandler(handler)
        handlers.append(handler)
        return handler.stream

    yield log_stream
    for handler in handlers:
        root.removeHandler(handler)


# --- The larger installation ---------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_url():
    """Return the address of an empty PostgreSQL database of this test run."""
    from tests.support.databases import empty_database

    with empty_database(environment.POSTGRES_URL) as url:
        yield url
