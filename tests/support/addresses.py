"""Every address of the site, with an example of each part, for the tests that open them all."""

import contextlib
import copy
import re
import uuid

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver

from tests.support.pairwise import covering

# /metrics has a bearer token of its own: Prometheus has no session.
PUBLIC = {"/accounts/login/", "/accounts/logout/", "/healthz", "/healthz/", "/readyz", "/language/",
          "/metrics", "/accounts/company/", "/accounts/company/back/", "/accounts/reset/",
          "/accounts/passkeys/options/", "/accounts/passkeys/use/",
          "/accounts/reset/sent/", "/accounts/reset/done/", "/accounts/reset/MQ/a-token/",
          "/accounts/invitation/done/", "/accounts/invitation/MQ/a-token/", "/setup/a-token/"}  # fmt: skip
CHANGE = uuid.uuid5(uuid.NAMESPACE_URL, "a change")
SNAPSHOT = f"/history/snapshots/{CHANGE}"
SCHEDULE = uuid.uuid5(uuid.NAMESPACE_URL, "a schedule")
JOB = uuid.uuid5(uuid.NAMESPACE_URL, "a job")
EXAMPLES = {"group_id": "1", "job_id": str(JOB), "change_id": str(CHANGE), "extension": "csv",
            "id": "1", "object_id": "1", "content_type_id": "1", "app_label": "auth",
            "schedule_id": str(SCHEDULE), "url": "no-such-page", "name": "stale",
            "snapshot_id": str(CHANGE), "request_id": str(CHANGE), "user_id": "1", "view_id": "1",
            "passkey_id": "1", "pin_id": "1",
            "uidb64": "MQ", "token": "a-token"}  # fmt: skip
# Addresses that only change something: all others answer a GET, and change nothing then.
ONLY_POST = {
    *("/account/bonus-unit/", "/account/views/1/", "/account/watch/", "/accounts/logout/"),
    *("/clients/list/unknown/", "/criteria/pins/1/remove/"),
    *("/account/notices/telegram/remove/", "/account/notices/telegram/trial/"),
    *("/accounts/passkeys/1/remove/", "/accounts/passkeys/new/options/", "/accounts/passkeys/options/"),
    "/accounts/passkeys/use/",
    "/people/1/invite/",
    *(f"/history/{CHANGE}/undo/", f"/jobs/{JOB}/undo/"),
    *(f"/requests/{CHANGE}/{step}/" for step in ("approve", "refuse", "withdraw")),
}


def urls(resolver=None, prefix="/"):
    """Yield an example of every address of the site; one whose part has no example is an error."""
    for entry in (resolver or get_resolver()).url_patterns:
        pattern = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", str(entry.pattern)).strip("^$")
        path = prefix + re.sub(r"<(?:\w+:)?(\w+)>", lambda match: EXAMPLES[match[1]], pattern)
        if isinstance(entry, URLResolver):
            yield from urls(entry, path)
        elif isinstance(entry, URLPattern):
            yield path


EVERY = sorted(set(urls()))
# Django's admin has rights of its own; it is looked at below.
ADMIN = [url for url in EVERY if url.startswith("/admin/")]
PRIVATE = sorted(set(EVERY) - set(ADMIN) - PUBLIC)


def traits_of(url):
    """Return what `make test` has to see: each address, and of Django's admin each table and kind of page."""
    if url not in ADMIN:
        return {url}
    _, *table, page = (url.strip("/") + "//").split("/", 3)
    return {tuple(table), page}


def place_of(url):
    """Return what `make test` has to see where addresses are answered before their views: each section."""
    return {url.strip("/").partition("/")[0]}


def in_parts(cases, traits):
    """Return the cases for two tests: as few as needed, and those that `make test` leaves to `make test-all`.

    A test opens all of its addresses by the same people: making them takes longer than opening a page.
    """
    few = covering(cases, traits)
    rest = [case for case in cases if case not in few]
    return [pytest.param(few, id="part"), pytest.param(rest, id="rest", marks=pytest.mark.thorough)]


def each(urls, traits=traits_of):
    """Return addresses for pytest, and leave to `make test-all` those whose traits others have.

    Where they are answered before their views, no table of Django's admin needs each kind of page.
    """
    return in_parts(urls if traits is traits_of else covering(urls, traits_of), traits)


@contextlib.contextmanager
def taken_back(*clients):
    """Take back what an address wrote, and whom it signed out: the next one finds all as it was."""
    cookies = [copy.deepcopy(client.cookies) for client in clients]
    before = transaction.savepoint_create()
    try:
        yield
    finally:
        transaction.savepoint_rollback(before)
        for client, kept in zip(clients, cookies, strict=True):
            client.cookies = kept
