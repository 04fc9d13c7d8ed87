"""The pages on which owners manage users."""

import re

LIST, NEW = "/people/", "/people/new/"
OLENA = {"username": "olena", "full_name": "Олена  Коваль", "email": "olena@example.com", "role": "Staff"}


def shown_password(answer):
    return re.search(r"data-password>([^<]+)<", answer.content.decode())[1]


def signs_in(browse, name, password):
    return browse().post("/accounts/login/", {"username": name, "password": password}).status_code == 302


def page_of(user):
    return f"{LIST}{user.pk}/"


ACTIONS = ("invite/", "?step=password", "?step=block", "?step=sign-out", "?step=second-factor")
