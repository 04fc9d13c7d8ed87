"""Test that every link of the site leads to a page."""

import re
from html import unescape
from urllib.parse import urljoin, urlsplit

import pytest
from django.urls import resolve

from groups.models import Change
from tests.support.pages import hidden

pytestmark = pytest.mark.django_db
LINK = re.compile(r'\b(?:href|hx-get)="([^"#][^"]*)"')
# A file that is downloaded, an address that changes something, and pages of Django's own.
NO_PAGE = re.compile(r"/static/|/admin/|export\.|/download/|/accounts/logout/")


def kind_of(url):
    """Return the key of a page: two pages of one view with the same parameters count once."""
    parts = urlsplit(url)
    names = sorted(name.partition("=")[0] for name in parts.query.split("&"))
    return resolve(parts.path).route, tuple(names)


def test_every_link_leads_to_a_page(owner, browse, sandbox):
    client = browse(owner)
    form = hidden(client.get("/groups/1/edit/"), "version", "operation", "birthday_bonus")
    form |= {"name": "Постійні гості", "percent": "6", "loyalty_type": "1"}
    client.post("/groups/1/edit/", form)
    assert Change.objects.get().state == Change.State.APPLIED
    waiting, seen = [("/groups/", "the start")], set()
    while waiting:
        url, where = waiting.pop()
        answer = client.get(url, follow=True)
        assert answer.status_code == 200, (url, where, answer.status_code)
        if "html" not in answer["Content-Type"]:
            continue
        for link in LINK.findall(answer.content.decode()):
            target = urljoin(url, unescape(link))
            if target.startswith("/") and not NO_PAGE.search(target) and kind_of(target) not in seen:
                seen.add(kind_of(target))
                waiting.append((target, url))
    assert len(seen) > 40
