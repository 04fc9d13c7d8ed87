"""Test a user's rights: the same as those of Django's backend, with one query."""

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, Group, Permission, User

from groups.permissions import CredentialsBackend

pytestmark = pytest.mark.django_db
VIEW = ("groups.view_group",)
EDIT = (
    *VIEW,
    *("groups.add_group", "groups.change_group", "groups.delete_group"),
    *("groups.view_client", "groups.move_client"),
)
OWN = (
    *EDIT,
    *("groups.delete_group_with_clients", "groups.set_bonus_unit", "groups.view_snapshot"),
    *("groups.view_change", "groups.view_sales", "groups.view_cards"),
    *("groups.watch_account", "groups.exceed_limits", "groups.change_criteria"),
    *("auth.view_user", "auth.add_user", "auth.change_user", "users.view_securityevent"),
    *("users.view_totpdevice", "users.delete_totpdevice", "users.view_passkey", "users.delete_passkey"),
    *("users.add_companylink", "users.view_companylink", "users.delete_companylink"),
)
ROLES = {"Managers": VIEW, "Staff": EDIT, "Owners": OWN}


def again(user):
    """Return the user as the next request loads them."""
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize("name", ["manager", "staff", "owner", "nobody", "admin_user"])
def test_the_permissions_are_those_of_djangos_own_backend(name, request, django_assert_num_queries):
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


def test_there_are_none_for_one_who_is_not_active_for_a_stranger_and_for_a_single_object(owner):
    backend = CredentialsBackend()
    assert backend.get_all_permissions(owner)
    assert backend.get_all_permissions(owner, obj=owner) == set()
    assert backend.get_all_permissions(AnonymousUser()) == set()
    owner.is_active = False
    assert backend.get_all_permissions(owner) == set()


def test_the_migrations_give_each_role_its_rights():
    # The app belongs to the name: Django's own Group has a right `view_group` too.
    rights = Group.permissions.through.objects.values_list(
        "group__name", "permission__content_type__app_label", "permission__codename"
    )
    expected = [(role, *right.split(".")) for role, given in ROLES.items() for right in given]
    assert sorted(rights) == sorted(expected)
