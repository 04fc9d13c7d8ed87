"""Test the link by which the first owner is made on a database without users."""

import datetime as dt
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from poster_admin.common.logs import mask
from poster_admin.users import first_start
from poster_admin.users.models import Guide, SetupLink
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db
OWNER = {
    "full_name": "Олена Коваль",
    "username": "olena",
    "email": "olena@example.com",
    "password1": "four-words-nobody-guesses",
    "password2": "four-words-nobody-guesses",
}


@pytest.fixture
def link():
    return path_of(first_start.new_link())


def path_of(address):
    return re.fullmatch(r"http://[\w.-]+:\d+(/setup/[A-Z2-7]{32}/)", address)[1]


def test_the_first_owner_is_the_administrator_too_and_goes_on_with_the_connection(link):
    client = Client()
    page = client.get(link)
    assert page.status_code == 200
    answer = client.post(link, OWNER)
    assert (answer.status_code, answer["Location"]) == (302, "/account/")
    owner = User.objects.get()
    assert (owner.username, owner.get_full_name(), owner.email) == (
        "olena",
        "Олена Коваль",
        "olena@example.com",
    )
    assert owner.is_superuser
    assert [group.name for group in owner.groups.all()] == ["Owners"]
    assert owner.check_password(OWNER["password1"])
    assert client.get("/account/").status_code == 200
    assert not SetupLink.objects.exists()
    for method in ("get", "post"):
        assert getattr(Client(), method)(link).status_code == 404
    assert first_start.new_link() == ""


def test_what_was_typed_stays_and_says_what_is_wrong(link):
    answer = Client().post(link, OWNER | {"password2": "another", "username": "o l"})
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {"username", "password2"}
    assert "Олена Коваль" in answer.text
    assert not User.objects.exists()


def test_a_link_ends_after_a_day_and_with_the_next_one(link):
    assert Client().get(path_of(first_start.new_link())).status_code == 200
    assert Client().get(link).status_code == 404
    newest = path_of(first_start.new_link())
    SetupLink.objects.update(made_at=timezone.now() - dt.timedelta(hours=24))
    assert Client().get(newest).status_code == 404
    assert Client().post(newest, OWNER).status_code == 404
    assert not User.objects.exists()


def test_only_a_digest_of_the_token_is_kept_and_no_log_shows_it(link, caplog):
    token = link.split("/")[2]
    assert token not in SetupLink.objects.get().digest
    Client().get(link)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "poster_admin.access"]
    assert token not in mask(line)


def test_wrong_links_from_a_network_have_to_wait_and_the_right_one_has_not(link):
    statuses = [Client().get(f"/setup/{number}/").status_code for number in range(30)]
    assert set(statuses) == {404, 429}
    assert statuses[-1] == 429
    assert Client(REMOTE_ADDR="198.51.100.7").get("/setup/wrong/").status_code == 404
    assert Client().get(link).status_code == 200


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"SITE_URL": "https://a.example/", "HTTPS": False}, "https://a.example"),
        ({"ALLOWED_HOSTS": ["*", ".b.example", "b.example"], "HTTPS": True}, "https://b.example"),
        ({"ALLOWED_HOSTS": ["10.0.0.7", "b.example"], "PORT": 8123}, "http://10.0.0.7:8123"),
        ({"ALLOWED_HOSTS": [".b.example"], "HTTPS": True}, "https://b.example"),
    ],
)
def test_the_link_has_the_address_by_which_people_come(settings, values, expected):
    for name, value in values.items():
        setattr(settings, name, value)
    assert first_start.site_address() == expected


@pytest.mark.django_db(transaction=True)
def test_of_two_forms_at_once_one_makes_the_owner(link):
    def send(name):
        return Client().post(link, OWNER | {"username": name}).status_code

    statuses = at_once(lambda: send("olena"), lambda: send("taras"))
    assert sorted(statuses) == [302, 404]
    assert User.objects.count() == Guide.objects.count() == 1
