"""Search every page, error, log and file for canary secrets."""

import gzip
import html
import itertools
import logging
import re
import zipfile
from io import BytesIO, StringIO
from logging.config import DictConfigurator
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.test import RequestFactory
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter, get_exception_reporter_class

from groups.features.snapshots.models import Snapshot
from groups.models import Change
from poster_admin.common.logs import RedactFilter
from poster_admin.devtools.sandbox import FAULTS
from poster_admin.devtools.sandbox.accounts.seed_data import PROFILES
from poster_admin.users import two_factor
from poster_admin.users.models import SecurityEvent, TOTPDevice, UserSession
from tests.support.addresses import WALK, taken_back
from tests.support.canary import QUICK, forms_of, whole_database
from tests.support.openid_provider import Provider
from tests.support.pages import fragment, group_form, open_form
from tests.support.pairwise import covering, takes_all
from tests.support.people import PASSWORD
from tests.support.sign_in import SET, set_up

pytestmark = pytest.mark.django_db
EDIT = "/groups/1/edit/"


@pytest.fixture
def canary(sandbox):
    return forms_of(sandbox.accounts["demo"].token)


def assert_clean(canary, text, where):
    for form in canary:
        assert form not in text, f"a secret is in {where}"


# --- Everything that a run leaves behind -------------------------------------------------------------------


class Watch:
    """The responses and log lines of a run, and further places to search."""

    def __init__(self):
        self.answers, self.streams, self.secrets = [], {}, {}

    def note(self, answer):
        """Keep a response in every form in which a reader could see it."""
        text = _unpacked(answer.content) + str(answer.headers) + str(answer.cookies)
        request = answer.request
        self.answers.append(
            (f"{request['REQUEST_METHOD']} {request['PATH_INFO']} {answer.status_code}", text)
        )
        return answer

    def keep(self, name, *values):
        """Register values as secrets, also without the characters that group them."""
        forms = self.secrets.setdefault(name, set())
        for value in values:
            forms |= {value, html.escape(value), quote(value, safe=""), re.sub("[ -]", "", value)}

    def places(self):
        yield from self.answers
        yield from ((f"the log as {name}", stream.getvalue()) for name, stream in self.streams.items())
        yield "a mail", "".join(_words(message) for message in mail.outbox)
        yield "dumpdata", _dump()
        yield "the database", whole_database()
        yield "the cache", repr(getattr(cache, "_cache", ""))
        yield "a session", "".join(str(row.get_decoded()) for row in UserSession.objects.all())
        yield "the journal", repr(list(Change.objects.values()))
        yield "the security log", repr(list(SecurityEvent.objects.values()))


def _unpacked(content):
    """Return the text of a page, a compressed page, or all parts of a workbook."""
    if content.startswith(b"\x1f\x8b"):
        content = gzip.decompress(content)
    if content.startswith(b"PK"):
        with zipfile.ZipFile(BytesIO(content)) as book:
            content = b"".join(book.read(name) for name in book.namelist())
    return content.decode()


def _words(message):
    return "".join(part.get_content() for part in message.message().walk() if not part.is_multipart())


@pytest.fixture
def watch(settings, caplog):
    """Return a watch, with handlers in both formats and a mail handler on every logger that has some."""
    caplog.set_level(logging.DEBUG, logger="groups")
    watch = Watch()
    settings.ADMINS = ["admin@corp.example"]
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    handlers = [AdminEmailHandler(include_html=True)]
    handlers[0].setLevel(logging.ERROR)
    configurator = DictConfigurator({"version": 1})
    for name, formatter in settings.LOGGING["formatters"].items():
        watch.streams[name] = StringIO()
        handlers.append(logging.StreamHandler(watch.streams[name]))
        handlers[-1].setFormatter(configurator.configure_formatter(dict(formatter)))
    of_settings = settings.LOGGING["loggers"].items()
    names = [name for name, each in of_settings if "handlers" in each]
    loggers = [logging.getLogger(name) for name in ("", *names)]
    for handler, logger in itertools.product(handlers, loggers):
        handler.addFilter(RedactFilter())
        logger.addHandler(handler)
    yield watch
    for handler, logger in itertools.product(handlers, loggers):
        logger.removeHandler(handler)


@pytest.fixture
def provider():
    provider = Provider()
    yield provider
    provider.close()


FEW = covering(QUICK, lambda name: {FAULTS[name].row})


# With DEBUG the pages of errors show more. Each fault is looked at by the fault matrix.
@pytest.mark.parametrize("debug", [True, False])
def test_no_secret_is_anywhere(owner, browse, sandbox, watch, provider, settings, monkeypatch, debug):
    settings.DEBUG = debug
    for name, value in provider.settings().items():
        setattr(settings, name, value)
    settings.OIDC_CLIENT_SECRET = "the-secret-of-the-client-&c"
    token = sandbox.accounts["demo"].token
    watch.secrets["token"] = forms_of(token)
    watch.keep("setting", settings.OIDC_CLIENT_SECRET, settings.SECRET_KEY)
    watch.keep("setting", *settings.POSTER_TOKEN_KEYS)
    watch.keep("password", PASSWORD)
    client = browse(owner, raise_request_exception=False)
    _look(watch, client, sandbox)
    _fail(watch, client, sandbox)
    _sign_in_in_every_way(watch, browse, client, owner)
    mails = len(mail.outbox)
    _crash(watch, client, browse, monkeypatch, token)
    assert len(mail.outbox) == mails + 5
    assert len(watch.answers) > 2 * len(FEW)
    assert all(Model.objects.exists() for Model in (Change, SecurityEvent, UserSession))
    for where, text in watch.places():
        for name, forms in watch.secrets.items():
            assert_clean(forms, text, f"{where}: {name}")


# The page that shows the key of a second factor is left out: showing it is its purpose.
MISSING = ("/no-such-page/", "/groups/999/")
PAGES = (*WALK, "/groups/export.xlsx", "/groups/1/clients/export.xlsx", *MISSING)


def _look(watch, client, sandbox):
    # With DEBUG a page that is there is the same.
    for url in PAGES if takes_all or not django_settings.DEBUG else MISSING:
        if url != SET:
            with taken_back(client):
                watch.note(client.get(url, {"refresh": "1"}))
    watch.note(client.get("/groups/", {"q": "a"}, headers=fragment("rows")))
    _snapshot(watch, client)
    token = sandbox.accounts["demo"].token
    for account in ("demo", "de mo"):
        watch.note(client.post("/account/", {"account": account, "token": token}))
    # An unpacked workbook is searched, because compression would hide its content.
    assert all(
        "Постоянный" in text for where, text in watch.answers if "/groups/" in where and "export" in where
    )


def _snapshot(watch, client):
    """Remove a group with its clients, and open its snapshot."""
    url = "/groups/4/delete/"
    form = open_form(client, url, confirm_name="Скидочная система 10%")
    assert watch.note(client.post(url, form)).status_code == 302
    snapshot = Snapshot.objects.get()
    watch.note(client.get(f"/history/snapshots/{snapshot.pk}/restore/"))
    file = client.get(f"/history/snapshots/{snapshot.pk}/download/")
    watch.answers.append(("a snapshot", b"".join(file).decode() + str(file.headers)))


def _fail(watch, client, sandbox):
    """Let Poster fail in one way of each row of the catalogue."""
    for name in FEW:
        sandbox.script("*", name, times=2)
        watch.note(client.get("/groups/", {"refresh": "1"}))
        assert watch.note(client.get("/groups/1/", {"refresh": "1"})).status_code != 500
        sandbox.clear_faults()
    form = group_form(client, EDIT, name="Гості", percent="11")
    sandbox.script("clients.updateGroup", "error_echo", when="before")
    change = watch.note(client.post(EDIT, form | {"confirmed": "1"}))
    assert change.status_code != 500
    watch.note(client.get(f"/history/{Change.objects.get(action='update').pk}/"))


def _sign_in_in_every_way(watch, browse, client, owner):
    """Sign in by password, code, recovery code and company, each once successfully and once not."""
    page = client.get(SET)
    device = TOTPDevice.objects.get()
    key = device.key.reveal()
    # The page that shows the recovery codes is left out: showing them is its purpose.
    assert two_factor.key_in_groups(device) in page.content.decode()
    codes = set_up(client, owner)
    watch.keep("key", key, two_factor.key_in_groups(device))
    watch.keep("recovery code", *codes)
    for password in ("wrong-" + PASSWORD[::-1], PASSWORD):
        half = browse(raise_request_exception=False)
        watch.note(half.get("/accounts/login/"))
        watch.note(half.post("/accounts/login/", {"username": "owner", "password": password}))
    for code in (codes[0].replace("A", "B")[::-1], codes[0]):
        watch.note(half.get("/accounts/login/code/"))
        watch.note(half.post("/accounts/login/code/", {"code": code}))
    watch.note(half.get("/groups/"))
    watch.note(client.post("/accounts/confirm/", {"password": PASSWORD}))
    new = {"old_password": PASSWORD, "new_password1": "short", "new_password2": "other"}
    watch.note(client.post("/accounts/sessions/?set=password", new))
    for broken in ("/token", "/keys", "/user"):
        provider_answer = browse(raise_request_exception=False)
        begin = watch.note(provider_answer.get("/accounts/company/"))
        state = dict(parse_qsl(urlsplit(begin["Location"]).query))["state"]
        watch.note(provider_answer.get("/accounts/company/back/", {"code": broken, "state": state}))


def _crash(watch, client, browse, monkeypatch, token):
    """Let five views fail with secrets in the message of the error, its variables and the form."""

    def crash(*args, **kwargs):
        secret = f"{token} {django_settings.OIDC_CLIENT_SECRET} {watch.secrets['key']}"
        raise RuntimeError(f"https://demo.joinposter.com/api/clients.getGroups?token={quote(token)} {secret}")

    for place in ("groups.views.groups.Listing", "groups.services.credentials.connect",
                  "poster_admin.users.two_factor.check_code",
                  "django.contrib.auth.forms.authenticate",
                  "poster_admin.users.views.authenticate"):  # fmt: skip
        monkeypatch.setattr(place, crash)
    half = browse(raise_request_exception=False)
    half.force_login(TOTPDevice.objects.get().user, backend="groups.permissions.CredentialsBackend")
    code = min(watch.secrets["recovery code"], key=len)
    for answer in (
        client.get("/groups/"),
        client.post("/account/", {"account": "demo", "token": token}),
        half.post("/accounts/login/code/", {"code": code}),
        browse(raise_request_exception=False).post(
            "/accounts/login/", {"username": "owner", "password": PASSWORD}
        ),
        client.post("/accounts/confirm/", {"password": PASSWORD}),
    ):
        assert watch.note(answer).status_code == 500, answer.request


def _dump():
    out = StringIO()
    call_command("dumpdata", stdout=out)
    return out.getvalue()


# --- Error reports and handlers ----------------------------------------------------------------------------


@pytest.mark.parametrize("debug", [True, False])
def test_an_error_report_of_djangos_is_redacted(staff, sandbox, canary, settings, debug):
    settings.DEBUG = debug
    reporter = _report(sandbox.accounts["demo"].token)
    assert isinstance(reporter, ExceptionReporter)
    assert_clean(canary, reporter.get_traceback_html(), "the debug page")
    assert_clean(canary, reporter.get_traceback_text(), "the mail")


def _report(token):
    """Report an error with the token in its message, its request and its local variables."""
    request = RequestFactory().post("/account/", {"account": "demo", "token": token})
    try:
        url = f"https://demo.joinposter.com/api/clients.getGroups?token={quote(token)}"
        _raise(RuntimeError(url))
    except RuntimeError as error:
        return get_exception_reporter_class(request)(request, type(error), error, error.__traceback__)


def _raise(error):
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
        _raise(ValueError(token))
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
    # The documentation's own sample, which the sandbox accepts.
    sample = PROFILES[0].documented_token.encode()
    skipped = {".git", ".venv", ".tools", "var", "staticfiles", "__pycache__", ".hypothesis"}
    found = []
    for folder, folders, files in root.walk():
        # The packages have more files than the project.
        folders[:] = [name for name in folders if name not in skipped and not name.endswith("_cache")]
        found += [
            folder / name
            for name in files
            if name not in {*skipped, "uv.lock"}
            and set(shape.findall((folder / name).read_bytes())) - {sample}
        ]
    assert not found
