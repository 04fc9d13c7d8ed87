"""Follow every link while features are off; `tests/test_features.py` runs this in a process of its own."""

import re
from html import unescape
from importlib import import_module
from io import StringIO
from urllib.parse import urljoin, urlsplit

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.urls import resolve
from django.utils.module_loading import module_has_submodule

from groups.models import Change
from tests.support.pages import hidden

pytestmark = pytest.mark.django_db
LINK = re.compile(r'\b(?:href|hx-get)="([^"#][^"]*)"')
# A file that is downloaded, an address that changes something, and pages of Django's own.
LEFT_OUT = re.compile(r"/static/|/admin/|export\.|/download/|/accounts/logout/")
PLACES = {
    r"<group:\w+>": "1",
    r"<int:\w+>": "1",
    r"<uuid:\w+>": "00000000-0000-4000-8000-000000000001",
    r"<file_type:\w+>": "csv",
}


def links_of(page):
    return {unescape(link) for link in LINK.findall(page)}


def kind_of(url):
    """Return by what a page is known: two pages of one view with the same parameters count once."""
    parts = urlsplit(url)
    names = sorted(name.partition("=")[0] for name in parts.query.split("&"))
    return resolve(parts.path).route, tuple(names)


def edit_a_group(client):
    form = hidden(client.get("/groups/1/edit/"), "version", "operation", "birthday_bonus")
    form |= {"name": "Постійні гості", "percent": "6", "loyalty_type": "1"}
    assert client.post("/groups/1/edit/", form).status_code == 302
    assert Change.objects.get().state == Change.State.APPLIED


def test_every_link_leads_to_a_page(owner, browse, sandbox):
    client = browse(owner)
    edit_a_group(client)
    waiting, seen = [("/groups/", "the start")], set()
    while waiting:
        url, where = waiting.pop()
        answer = client.get(url, follow=True)
        assert answer.status_code == 200, (url, where, answer.status_code)
        if "html" not in answer["Content-Type"]:
            continue
        for link in links_of(answer.content.decode()):
            target = urljoin(url, link)
            if not target.startswith("/") or LEFT_OUT.search(target) or kind_of(target) in seen:
                continue
            seen.add(kind_of(target))
            waiting.append((target, url))
    assert len(seen) > 15


def test_what_is_kept_of_people_is_deleted_in_time_whatever_is_off():
    call_command("prune", stdout=(said := StringIO()))
    assert "0 snapshots" in said.getvalue().splitlines()


@pytest.mark.parametrize("label", settings.FEATURES_OFF)
def test_no_address_of_a_feature_that_is_off_answers(owner, browse, label):
    config = apps.get_app_config(label)
    if not module_has_submodule(config.module, "urls"):
        pytest.skip("it has no addresses")
    client = browse(owner)
    for pattern in import_module(f"{config.name}.urls").urlpatterns:
        path = f"/{pattern.pattern}"
        for place, value in PLACES.items():
            path = re.sub(place, value, path)
        assert "<" not in path
        assert client.get(path).status_code == 404, path
        assert client.post(path).status_code == 404, path
