"""Test the state of the installation in the browser, and the guide of the first steps."""

import re

import pytest
from django.contrib.auth.models import User

from groups.models import WorkerHeartbeat
from poster_admin import VERSION
from poster_admin.users.models import Guide
from tests.support.doctor import doctor_says
from tests.support.people import make_user

pytestmark = pytest.mark.django_db
STEPS = ["owner", "connect", "people", "protection"]


@pytest.fixture
def first(db):
    """Return the first owner, who is in the guide."""
    user = make_user("olena", role="Owners")
    user.is_superuser = True
    user.save()
    Guide.objects.create(user=user)
    return User.objects.get(pk=user.pk)


def parts_on(page):
    return dict(re.findall(r'data-part="([\w ]+)" data-state="(\w+)"', page.text))


def test_owners_read_what_the_command_says(owner, browse):
    WorkerHeartbeat.objects.all().delete()
    page = browse(owner).get("/account/installation/")
    _code, parts = doctor_says()
    assert set(parts_on(page)) == set(parts)
    assert f"<bdi>{VERSION}</bdi>" in page.text
    ((_state, words),) = parts["worker"]
    assert words in page.text
    assert parts_on(page)["worker"] == "FAILS"


def test_an_owner_reads_nothing_of_another_account_and_an_administrator_all(
    owner, outsider, browse, settings
):
    settings.POSTER_API_URL = "http://{account}.localhost:9/api/"
    page = browse(owner).get("/account/installation/")
    assert "demo.localhost" in page.text
    assert "kavarnia" not in page.text
    owner.is_superuser = True
    owner.save()
    assert "kavarnia.localhost" in browse(owner).get("/account/installation/").text


def test_the_first_owner_has_the_first_steps_in_the_settings_until_they_are_left(first, owner, browse):
    client = browse(first)
    answer = client.get("/account/start/")
    assert (answer.status_code, answer["Location"]) == (301, "/settings/#guide")
    assert re.findall(r'data-step="(\w+)"', client.get("/settings/").text) == STEPS
    assert re.search(r'id="guide" open', client.get("/settings/").text)
    assert client.post("/account/start/")["Location"] == "/"
    assert not Guide.objects.exists()
    for each in (client, browse(owner)):
        assert 'id="guide">' in each.get("/settings/").text


def test_others_have_no_first_steps(staff, browse):
    assert "data-step" not in browse(staff).get("/settings/").text
