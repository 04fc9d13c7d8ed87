"""Test the gallery for developers: every state is in it, and every button leads to its state."""

import re
from html import unescape

import pytest

from tests.support.pages import text_of

# The pages of the gallery are those of the product, which have tests of their own.
# A tool of developers.
pytestmark = [pytest.mark.django_db, pytest.mark.thorough]
# The status of the page behind each button, and a piece of its HTML.
LEADS_TO = {
    "no-answer": (504, 'data-notice="error"'),
    "loading": (200, 'class="card facts flash"'),
    "slow": (200, 'class="card facts flash"'),
    "stale": (200, 'data-notice="stale"'),
    "stale-group": (200, 'data-notice="stale"'),
    "not-allowed": (424, 'data-notice="error"'),
    "refused": (422, 'data-outcome="refused"'),
    "conflict": (409, 'data-notice="conflict"'),
    "unknown": (504, 'data-outcome="unknown"'),
    "normal": (200, 'data-group="1"'),
}
LINKS = {
    "/styleguide/no-groups/": (200, "No loyalty groups yet"),
    "/groups/?q=~": (200, "Nothing matches"),
    "/styleguide/no-right/": (403, "You do not have the right to this"),
}


def buttons(page):
    """Return the fields of each form in the gallery, by its address."""
    forms = re.findall(
        r'(?s)<form method="post" action="(/styleguide/[^"]*)">(.*?)</form>', page.content.decode()
    )
    field = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
    return {
        address: {name: unescape(value) for name, value in field.findall(form)} for address, form in forms
    }


@pytest.fixture
def brisk(monkeypatch):
    """Shorten the intervals of slow answers."""
    from poster_admin.devtools.styleguide import states

    def brisk(*instructions):
        for name, content in instructions:
            content.update({"interval": 0.0001} if "interval" in content else {})
            yield name, content

    tell = states.instruct_sandbox
    monkeypatch.setattr(
        "poster_admin.devtools.styleguide.views.instruct_sandbox",
        lambda *instructions: tell(*brisk(*instructions)),
    )


@pytest.mark.parametrize("name", LEADS_TO)
def test_a_button_leads_to_its_state(staff, browse, sandbox, styleguide, brisk, name):
    client = browse(staff)
    address = f"{styleguide}play/{name}/"
    answer = client.post(address, buttons(client.get(styleguide))[address], follow=True)
    status, has = LEADS_TO[name]
    assert answer.status_code == status
    assert has in answer.content.decode()


def test_every_state_is_on_the_page(staff, browse, sandbox, styleguide):
    client = browse(staff)
    page = client.get(styleguide)
    assert buttons(page).keys() == {f"{styleguide}play/{name}/" for name in LEADS_TO}
    for link, (status, words) in LINKS.items():
        assert f'href="{link}"' in page.content.decode()
        answer = client.get(link)
        assert answer.status_code == status
        assert words in text_of(answer)


def test_a_real_poster_learns_nothing(staff, browse, sandbox, styleguide, settings):
    client = browse(staff)
    client.get(styleguide)
    settings.POSTER_API_URL = "https://{account}.joinposter.com/api/"
    answer = client.post(f"{styleguide}play/stale/", follow=True)
    assert "There is no sandbox at POSTER_API_URL" in text_of(answer)
