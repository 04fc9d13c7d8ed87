"""Owners take the passkey of a lost device away from its user."""

from django.db import migrations

RIGHTS = ("view_passkey", "delete_passkey")


def give_rights(apps, schema_editor):
    alias = schema_editor.connection.alias
    types = apps.get_model("contenttypes", "ContentType").objects.using(alias)
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    owners, _ = apps.get_model("auth", "Group").objects.using(alias).get_or_create(name="Owners")
    content_type, _ = types.get_or_create(app_label="users", model="passkey")
    for codename in RIGHTS:
        # Django itself makes permissions only after all migrations, and leaves these as they are.
        permission, _ = permissions.get_or_create(
            content_type=content_type,
            codename=codename,
            defaults={"name": f"Can {codename.replace('_', ' ')}"},
        )
        owners.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [("users", "0004_passkeys")]

    operations = [migrations.RunPython(give_rights, migrations.RunPython.noop)]
