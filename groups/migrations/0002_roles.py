"""The three roles, as Django groups of permissions. Rights that an installation adds to them stay."""

from django.db import migrations

VIEW = ("view_group",)
EDIT = (*VIEW, "add_group", "change_group", "delete_group", "view_client", "move_client")
OWN = (*EDIT, "delete_group_with_clients", "set_bonus_unit", "view_snapshot", "view_change")
ROLES = {"Managers": VIEW, "Staff": EDIT, "Owners": OWN}


def create_roles(apps, schema_editor):
    alias = schema_editor.connection.alias
    types = apps.get_model("contenttypes", "ContentType").objects.using(alias)
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    roles = apps.get_model("auth", "Group").objects.using(alias)
    names = {"view_change": "Can view change", **dict(apps.get_model("groups", "Change")._meta.permissions)}
    content_type, _ = types.get_or_create(app_label="groups", model="change")
    for role, codenames in ROLES.items():
        group, _ = roles.get_or_create(name=role)
        for codename in codenames:
            # Django itself makes permissions only after all migrations, and leaves these as they are.
            permission, _ = permissions.get_or_create(
                content_type=content_type, codename=codename, defaults={"name": names[codename]}
            )
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("groups", "0001_initial"),
        ("users", "0002_roles"),
    ]

    operations = [migrations.RunPython(create_roles, migrations.RunPython.noop)]
