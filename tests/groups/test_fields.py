"""Test that what cannot be derived from the declaration of a group's fields has each of them."""

import pytest

from groups.forms import GroupForm
from groups.poster.records import GROUP_FIELDS
from groups.services.values import FIELD_LABELS, FORM_FIELDS


def test_each_field_has_a_label_in_the_declared_order():
    assert [name for name in FIELD_LABELS if name in GROUP_FIELDS] == list(GROUP_FIELDS)


def test_each_field_that_users_type_is_in_the_form():
    assert set(FORM_FIELDS) <= set(GroupForm.base_fields)


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/groups/new/", "/groups/1/edit/"])
def test_each_page_with_the_form_sends_each_field(staff, browse, url):
    page = browse(staff).get(url).content.decode()
    assert [name for name in FORM_FIELDS if f'name="{name}"' not in page] == []
