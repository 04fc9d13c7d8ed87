"""Sign in with a password, with a second factor, long ago, and read the security log."""

import base64
import re
import time

from django.contrib.auth.models import User
from django_otp.oath import TOTP

from poster_admin.users.models import (
    SecurityEvent,
    TOTPDevice,
)
from poster_admin.users.sessions import CONFIRMED_AT
from tests.support.people import PASSWORD


def after_a_while(client):
    """Let a quarter of an hour pass since the last proof, so that it is requested again."""
    session = client.session
    session[CONFIRMED_AT] = time.time() - 16 * 60
    session.save()
    return client


SET, CODE = "/accounts/sessions/?set=app", "/accounts/login/code/"


def code_of(device, *, steps=0):
    totp = TOTP(base64.b32decode(device.key.reveal()), 30, drift=steps)
    return f"{totp.token():06}"


def set_up(client, user):
    client.get(SET)
    page = client.post(SET, {"code": code_of(TOTPDevice.objects.get(user=user))})
    return re.findall(r">((?:[A-Z2-7]{4}-){5}[A-Z2-7]{4})<", page.content.decode())


def sign_in_by_form(browse, name):
    client = browse()
    assert client.post("/accounts/login/", {"username": name, "password": PASSWORD}).status_code == 302
    return client


def choose_password(client, link, password):
    """Follow the link of a mail to its form and send it."""
    form = client.get(link, follow=True).redirect_chain[-1][0]
    return client.post(form, {"new_password1": password, "new_password2": password})


def security_lines(kind):
    return list(SecurityEvent.objects.filter(kind=kind).values_list("user_name", "about", "detail"))


ROLES = {"loyalty-owners": "Owners", "loyalty-staff": "Staff", "loyalty-managers": "Managers"}


def roles(name):
    return set(User.objects.get(username=name).groups.values_list("name", flat=True))
