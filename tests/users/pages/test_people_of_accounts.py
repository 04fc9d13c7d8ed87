"""Test that owners manage the people of their own account, and nobody reaches into another one."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from tests.conftest import make_user
from tests.users.pages.test_people import ACTIONS, LIST, NEW, OLENA, page_of, shown_password, signs_in

pytestmark = pytest.mark.django_db


def test_an_owner_of_another_account_takes_nobody_over(outsider, owner, browse):
    answer = browse(outsider).post(f"{page_of(owner)}password/")
    assert answer.status_code == 404
    assert "data-password" not in answer.content.decode()
    assert browse(owner).get("/groups/").status_code == 200
