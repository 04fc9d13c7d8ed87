"""Test a user's rights: the same as those of Django's backend, with one query."""

import sqlite3
from contextlib import closing

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, Group, Permission, User

from groups.permissions import CredentialsBackend
from tests.factories import make_roles
from tests.services import migrated

pytestmark = pytest.mark.django_db


def again(user):
    """Return the user as the next request loads them."""
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize("name", ["manager", "staff", "owner", "nobody", "admin_user"])
def test_they_are_those_of_djangos_own_backend(name, request, django_assert_num_queries):
    user = request.getfixturevalue(name)
    own = Permission.objects.get(codename="view_user")
    user.user_permissions.add(own)
    expected = ModelBackend().get_all_permissions(again(user))
    assert "auth.view_user" in expected
    fresh = again(user)
    with django_assert_num_queries(1):
        assert CredentialsBackend().get_all_permissions(fresh) == expected
        assert CredentialsBackend().get_all_permissions(fresh) == expected
        assert fresh.has_perm("auth.view_user")


def test_a_right_that_was_taken_away_is_gone_with_the_next_request(staff):
    assert again(staff).has_perm("groups.change_group")
    staff.groups.clear()
    assert not again(staff).has_perm("groups.change_group")


def test_there_are_none_for_one_who_is_not_active_for_a_stranger_and_for_a_single_object(owner):
    backend = CredentialsBackend()
    assert backend.get_all_permissions(owner)
    assert backend.get_all_permissions(owner, obj=owner) == set()
    assert backend.get_all_permissions(AnonymousUser()) == set()
    owner.is_active = False
    assert backend.get_all_permissions(owner) == set()


def rights_of_roles():
    rights = Group.permissions.through.objects.values_list(
        "group__name", "permission__content_type__app_label", "permission__codename"
    )
    return sorted(rights)


def test_tests_make_the_roles_as_the_migrations_make_them():
    Group.objects.all().delete()
    make_roles()
    ours = rights_of_roles()
    with closing(sqlite3.connect(migrated())) as database:
        theirs = database.execute("""
            SELECT auth_group.name, app_label, codename FROM auth_group_permissions
            JOIN auth_group ON auth_group.id = group_id
            JOIN auth_permission ON auth_permission.id = permission_id
            JOIN django_content_type ON django_content_type.id = content_type_id
        """).fetchall()
    assert ours == sorted(theirs)
