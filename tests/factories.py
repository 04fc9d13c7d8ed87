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
    for name, rights in ROLES.items():
        role, _ = Group.objects.get_or_create(name=name)
        role.permissions.set(Permission.objects.filter(codename__in=rights))
