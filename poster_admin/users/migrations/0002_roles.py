"""Owners manage users, see the security log, and take a second factor away from a user who lost the phone."""

from django.db import migrations

RIGHTS = {
    ("auth", "user"): ("view_user", "add_user", "change_user"),
    ("users", "securityevent"): ("view_securityevent",),
    ("users", "totpdevice"): ("view_totpdevice", "delete_totpdevice"),
    ("users", "companylink"): ("add_companylink", "view_companylink", "delete_companylink"),
}


def give_rights(apps, schema_editor):
    alias = schema_editor.connection.alias
    types = apps.get_model("contenttypes", "ContentType").objects.using(alias)
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    owners, _ = apps.get_model("auth", "Group").objects.using(alias).get_or_create(name="Owners")
    for (app, model), codenames in RIGHTS.items():
        content_type, _ = types.get_or_create(app_label=app, model=model)
        for codename in codenames:
            # Django itself makes permissions only after all migrations, and leaves these as they are.
            permission, _ = permissions.get_or_create(
                content_type=content_type,
                codename=codename,
                defaults={"name": f"Can {codename.replace('_', ' ')}"},
            )
            owners.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("users", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(give_rights, migrations.RunPython.noop)]
