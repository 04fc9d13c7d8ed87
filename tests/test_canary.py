"""The token is found nowhere: every page and error with a canary, then a search through all that is left."""

import base64
import html
import logging
import re
from io import StringIO
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection as database
from django.test import RequestFactory
from django.views.debug import ExceptionReporter, get_exception_reporter_class

from groups.logs import RedactFilter
from groups.models import Change
from groups.poster.sandbox import FAULTS
from poster_admin.people.models import SignIn
from tests.pages import fragment, group_form

pytestmark = [pytest.mark.django_db]
EDIT = "/groups/1/edit/"
# Those that take their time are run by the fault matrix.
QUICK = [
    name for name, fault in FAULTS.items() if not {"seconds", "interval", "megabytes"} & set(fault.options)
]


def forms_of(token):
    """Return every form in which the token could be written down."""
    digits = token.rpartition(":")[2]
    return {
        digits,
        digits.upper(),
        quote(token, safe=""),
        html.escape(token),
        base64.b64encode(digits.encode()).decode().rstrip("="),
    }


@pytest.fixture
def canary(sandbox):
    return forms_of(sandbox.accounts["demo"].token)


@pytest.fixture
def written(caplog):
    """Return all that our handlers would write, at the level at which the settings let it through."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactFilter())
    root = logging.getLogger()
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


def assert_clean(canary, text, where):
    for form in canary:
        assert form not in text, f"the token is in {where}"


def test_no_page_error_log_row_or_dump_holds_the_token(owner, browse, sandbox, canary, written, caplog):
    caplog.set_level(logging.DEBUG, logger="groups")
    client = browse(owner)
    answers = []

    def look():
        urls = ("/groups/", "/groups/1/", EDIT, "/groups/4/delete/", "/history/", "/account/")
        answers.extend(client.get(url, {"refresh": "1"}) for url in urls)
        answers.append(client.get("/groups/", {"q": "a"}, headers=fragment("rows")))

    look()
    answers.append(client.post("/account/", {"account": "demo", "token": sandbox.accounts["demo"].token}))
    answers.append(client.post("/account/", {"account": "de mo", "token": sandbox.accounts["demo"].token}))
    for name in QUICK:
        sandbox.script("*", name, times=2)
        answers.append(client.get("/groups/", {"refresh": "1"}))
        answers.append(client.get("/groups/1/", {"refresh": "1"}))
        sandbox.clear_faults()
    form = group_form(client, EDIT, name="Гості", percent="11")
    sandbox.script("clients.updateGroup", "error_echo", when="before")
    answers.append(client.post(EDIT, form | {"confirmed": "1"}))
    look()
    assert len(answers) > 2 * len(QUICK)
    for answer in answers:
        assert answer.status_code != 500
        assert_clean(
            canary, answer.content.decode() + str(answer.headers) + str(answer.cookies), answer.request
        )
    assert_clean(canary, written.getvalue(), "the log")
    assert_clean(canary, caplog.text, "a record before the filter")
    assert_clean(canary, "".join(message.message().as_string() for message in mail.outbox), "a mail")
    assert_clean(canary, _dump(), "dumpdata")
    assert_clean(canary, _database(), "the database")
    assert_clean(canary, repr(getattr(cache, "_cache", "")), "the cache")
    assert_clean(canary, "".join(str(s.get_decoded()) for s in SignIn.objects.all()), "a session")
    assert Change.objects.exists()


def _dump():
    out = StringIO()
    call_command("dumpdata", stdout=out)
    return out.getvalue()


def _database():
    with database.cursor() as cursor:
        tables = database.introspection.table_names(cursor)
        rows = []
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - the name comes from the database itself
            rows.append(str(cursor.fetchall()))
    return "".join(rows)


@pytest.mark.parametrize("debug", [True, False])
def test_an_error_report_of_djangos_is_redacted(staff, sandbox, canary, settings, debug):
    settings.DEBUG = debug
    reporter = _report(sandbox.accounts["demo"].token)
    assert isinstance(reporter, ExceptionReporter)
    assert_clean(canary, reporter.get_traceback_html(), "the debug page")
    assert_clean(canary, reporter.get_traceback_text(), "the mail")


def _report(token):
    """Report an error whose words, request and local variables hold the token."""
    request = RequestFactory().post("/account/", {"account": "demo", "token": token})
    try:
        url = f"https://demo.joinposter.com/api/clients.getGroups?token={quote(token)}"
        _fail(RuntimeError(url))
    except RuntimeError as error:
        return get_exception_reporter_class(request)(request, type(error), error, error.__traceback__)


def _fail(error):
    raise error


def test_the_filter_masks_messages_arguments_and_tracebacks(sandbox, canary):
    token = sandbox.accounts["demo"].token
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactFilter())
    log = logging.getLogger("tests.canary")
    log.propagate = False
    log.addHandler(handler)
    log.warning("url=%s", f"/api/x?format=json&token={quote(token)}")
    try:
        _fail(ValueError(token))
    except ValueError:
        log.exception("failed")
    assert_clean(canary, stream.getvalue(), "the log")
    assert "token=[token]" in stream.getvalue()
    assert "ValueError" in stream.getvalue()


def test_every_handler_redacts_and_urllib3_is_quiet():
    logging_settings = django_settings.LOGGING
    assert all("redact" in handler["filters"] for handler in logging_settings["handlers"].values())
    assert logging_settings["loggers"]["urllib3"]["level"] == "ERROR"
    assert logging.getLogger("urllib3").getEffectiveLevel() >= logging.ERROR


def test_no_file_of_the_project_holds_anything_that_looks_like_a_token():
    root = django_settings.BASE_DIR
    shape = re.compile(rb"(?<![0-9a-f-])[0-9a-f]{32}(?![0-9a-f])")
    skipped = {".git", ".venv", ".tools", "var", "staticfiles", "__pycache__", ".hypothesis"}
    found = [
        path
        for path in root.rglob("*")
        if path.is_file()
        and not skipped & set(path.parts)
        and not any(part.endswith("_cache") for part in path.parts)
        and path.name != "uv.lock"
        and shape.search(path.read_bytes())
    ]
    # The documentation's own sample is in the sandbox's tests, where it is refused as any other.
    assert {path.name for path in found} <= {"test_seed.py"}
