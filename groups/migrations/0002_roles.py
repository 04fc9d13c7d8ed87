"""The three roles, as Django groups of permissions. Rights that an installation adds to them stay."""

from django.db import migrations

VIEW = ("view_group",)
EDIT = (*VIEW, "add_group", "change_group", "delete_group")
OWN = (*EDIT, "delete_group_with_clients", "set_bonus_unit", "view_change")
USERS = ("view_user", "add_user", "change_user")
ROLES = {"Managers": VIEW, "Staff": EDIT, "Owners": OWN}


def create_roles(apps, schema_editor):
    alias = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(alias)
    for role, rights in ROLES.items():
        group, _ = groups.get_or_create(name=role)
        group.permissions.add(*permissions(apps, alias, "groups", "change", rights))
        if role == "Owners":
            group.permissions.add(*permissions(apps, alias, "auth", "user", USERS))


def permissions(apps, alias, app, model, codenames):
    """Return permissions that Django itself makes only after all migrations; it leaves ours as they are."""
    types = apps.get_model("contenttypes", "ContentType").objects.using(alias)
    content_type, _ = types.get_or_create(app_label=app, model=model)
    names = dict(apps.get_model("groups", "Change")._meta.permissions)
    manager = apps.get_model("auth", "Permission").objects.using(alias)
    for codename in codenames:
        name = names.get(codename, f"Can {codename.replace('_', ' ')}")
        permission, _ = manager.get_or_create(
            content_type=content_type, codename=codename, defaults={"name": name}
        )
        yield permission


class Migration(migrations.Migration):
    dependencies = [
        ("groups", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(create_roles, migrations.RunPython.noop)]
