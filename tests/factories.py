"""Create the data that tests start with: the roles, as the migrations create them."""

from django.contrib.auth.models import Group, Permission

VIEW = ("view_group",)
EDIT = (*VIEW, "add_group", "change_group", "delete_group", "view_client", "move_client")
OWN = (
    *EDIT,
    *("delete_group_with_clients", "set_bonus_unit", "view_snapshot", "view_change", "view_sales"),
    *("watch_account", "set_webhook", "exceed_limits"),
    *("view_user", "add_user", "change_user", "view_securityevent"),
    *("view_totpdevice", "delete_totpdevice", "view_passkey", "delete_passkey"),
    *("add_companylink", "view_companylink", "delete_companylink"),
)
ROLES = {"Managers": VIEW, "Staff": EDIT, "Owners": OWN}


def make_roles():
    rights = list(Permission.objects.filter(codename__in=OWN))
    given = Group.permissions.through
    given.objects.bulk_create(
        given(group=role, permission=right)
        for role in Group.objects.bulk_create(Group(name=name) for name in ROLES)
        for right in rights
        if right.codename in ROLES[role.name]
    )
