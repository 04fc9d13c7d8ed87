"""Test the checks at the start: keys, files with secrets, and the effects of HTTPS=False."""

import json
import os
import runpy
import subprocess
import sys
from unittest.mock import patch

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import Group, User
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from tests.support.environment import ROOT, VARIABLES, inherited

LOOK = """
import json, django
django.setup()
from django.conf import settings
from django.test import Client
https = settings.HTTPS
client = Client(headers={"Host": "localhost"})
answer = client.get("/accounts/login/", secure=https)
answer.cookies.update(client.post("/language/", {"language": "en"}, secure=https).cookies)
cookies = {name: {k: v for k, v in morsel.items() if v and k not in ("expires",)}
           for name, morsel in answer.cookies.items()}
kept = {name: getattr(settings, name) for name in dir(settings) if name.isupper() and name[:5] != "AXES_"}
headers = dict(answer.headers)
for name in ("X-Request-ID", "Content-Length", "Expires"):
    headers.pop(name, None)
kept = {name: getattr(value, "__name__", repr(value)) for name, value in kept.items()}
print(json.dumps({"headers": headers, "cookies": cookies, "settings": kept}))
"""


def look(**changes):
    environment = {**inherited(), **VARIABLES, **changes, "DJANGO_SETTINGS_MODULE": "poster_admin.settings"}
    ran = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return json.loads(ran.stdout.splitlines()[-1]) if ran.returncode == 0 else ran.stderr


def read_settings(**changes):
    """Read the settings in this process, past Django, as a start would with these variables."""
    with patch.dict(os.environ, {**VARIABLES, **changes}):
        return runpy.run_path(ROOT / "poster_admin" / "settings.py")


def test_plain_http_changes_just_what_it_must():
    tls, plain = look(HTTPS="True", DEBUG="True"), look(HTTPS="False", DEBUG="True")
    different = {name for name in tls["settings"] if tls["settings"][name] != plain["settings"][name]}
    assert different == {
        "HTTPS", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "LANGUAGE_COOKIE_SECURE",
        "SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "LANGUAGE_COOKIE_NAME",
        "SECURE_PROXY_SSL_HEADER", "SECURE_SSL_REDIRECT",
        "SECURE_HSTS_SECONDS",
    }  # fmt: skip
    hsts = tls["headers"].pop("Strict-Transport-Security")
    assert hsts == "max-age=31536000"
    assert tls["headers"] == plain["headers"]
    secure, clear = tls["cookies"]["__Host-csrftoken"], plain["cookies"]["csrftoken"]
    assert secure.pop("secure") is True
    assert secure == clear
    assert (secure["path"], secure["samesite"], secure["httponly"]) == ("/", "Lax", True)
    assert set(tls["cookies"]) == {"__Host-csrftoken", "__Host-language"}
    assert all("secure" in each or name == "__Host-csrftoken" for name, each in tls["cookies"].items())


@pytest.mark.django_db
@pytest.mark.parametrize(("https", "header"), [("True", "max-age=31536000"), ("False", None)])
def test_the_names_below_are_left_alone(settings, browse, https, header):
    read = read_settings(HTTPS=https)
    for name, value in read.items():
        if name.startswith("SECURE_"):
            setattr(settings, name, value)
    page = browse().get("/accounts/login/", secure=https == "True")
    assert page.status_code == 200
    assert page.headers.get("Strict-Transport-Security") == header


@pytest.mark.django_db
def test_a_new_database_has_roles_and_nobody_in_them():
    assert Group.objects.count() == 3
    assert not User.objects.exists()


@pytest.mark.django_db
def test_what_programs_ask_for_is_not_redirected(settings, browse):
    settings.SECURE_SSL_REDIRECT = True
    for url in ("/healthz", "/healthz/", "/readyz"):
        assert browse().get(url).status_code == 200
    assert browse().get("/groups/").status_code == 301


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"COMPANY_ROLES": "people=Emperors"}, "COMPANY_ROLES"),
        ({"TRUSTED_PROXY_IPS": "everybody"}, "TRUSTED_PROXY_IPS"),
        ({"OIDC_CLIENT_ID": "x"}, "OIDC_"),
        ({"OIDC_ISSUER": "http://company.example/keys"}, "TLS"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT"),
        ({"EMAIL_FROM": "loyalty@example.com\nBcc: all@example.com"}, "EMAIL_FROM is not the address"),
        ({"EMAIL_FROM": "The dashboard"}, "EMAIL_FROM is not the address"),
        ({"POSTER_API_URL": "https://{konto}.joinposter.com/api/"}, "POSTER_API_URL has braces"),
        ({"POSTER_API_URL": ""}, "POSTER_API_URL is not an http or https address"),
        ({"HTTPS": "Treu"}, "HTTPS is "),
        ({"REQUIRE_2FA": "Yess"}, "REQUIRE_2FA is "),
        ({"POSTER_READ_TIMEOUT": "abc"}, "POSTER_READ_TIMEOUT is "),
        ({"POSTER_READ_DEADLINE": "nan"}, "POSTER_READ_DEADLINE is "),
        ({"SNAPSHOT_DAYS": "-1"}, "SNAPSHOT_DAYS is "),
        ({"WORKERS": "0"}, "WORKERS is "),
        ({"DATABASE_URL": "garbage"}, "DATABASE_URL is "),
    ],
)
def test_what_cannot_work_stops_the_start_in_one_line(changes, words):
    with pytest.raises(ImproperlyConfigured) as raised:
        read_settings(**changes)
    (line,) = str(raised.value).splitlines()
    assert words in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEFAULT_FROM_EMAIL", "loyalty@example.com"),
        ("DEFAULT_FROM_EMAIL", "Лояльність <loyalty@example.com>"),
    ],
)
def test_the_usual_values_are_taken(name, value):
    assert read_settings(**{name.replace("DEFAULT_FROM_EMAIL", "EMAIL_FROM"): value})[name] == value


@pytest.mark.django_db
def test_a_key_that_is_lost_is_found_at_the_start(staff, manager, browse, settings):
    assert not [each for each in run_checks(databases=["default"]) if each.id.startswith("users")]
    old = settings.POSTER_TOKEN_KEYS
    settings.POSTER_TOKEN_KEYS = [Fernet.generate_key().decode()]
    (warning,) = run_checks(databases=["default"])
    assert warning.id == "users.W001"
    assert "0 of 2" in warning.msg
    assert browse().get("/readyz").content == b"ok\n"
    staff.credentials.set_token("ab" * 16)
    staff.credentials.save()
    (warning,) = run_checks(databases=["default"])
    assert f"groups.postercredentials {manager.credentials.pk}" in warning.msg
    settings.POSTER_TOKEN_KEYS += old
    call_command("check", "--database", "default", "--fail-level", "WARNING")


def test_an_empty_switch_is_as_if_it_was_not_there():
    assert read_settings(HTTPS="")["HTTPS"] is True
