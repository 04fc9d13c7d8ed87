"""Create the data that tests start with: the roles, as the migrations create them."""

from django.contrib.auth.models import Group, Permission

VIEW = ("groups.view_group",)
EDIT = (
    *VIEW,
    *("groups.add_group", "groups.change_group", "groups.delete_group"),
    *("groups.view_client", "groups.move_client"),
)
OWN = (
    *EDIT,
    *("groups.delete_group_with_clients", "groups.set_bonus_unit", "groups.view_snapshot"),
    *("groups.view_change", "groups.view_sales"),
    *("groups.watch_account", "groups.set_webhook", "groups.exceed_limits"),
    *("auth.view_user", "auth.add_user", "auth.change_user", "users.view_securityevent"),
    *("users.view_totpdevice", "users.delete_totpdevice", "users.view_passkey", "users.delete_passkey"),
    *("users.add_companylink", "users.view_companylink", "users.delete_companylink"),
)
ROLES = {"Managers": VIEW, "Staff": EDIT, "Owners": OWN}


def make_roles():
    # The app belongs to the name: Django's own Group has a right `view_group` too.
    rights = {
        f"{right.content_type.app_label}.{right.codename}": right
        for right in Permission.objects.select_related("content_type")
    }
    given = Group.permissions.through
    given.objects.bulk_create(
        given(group=role, permission=rights[name])
        for role in Group.objects.bulk_create(Group(name=name) for name in ROLES)
        for name in ROLES[role.name]
    )
