"""Owners see the security log, and may take a second factor away from who lost the phone."""

from django.db import migrations

RIGHTS = {
    "securityevent": ("view_securityevent",),
    "authenticator": ("view_authenticator", "delete_authenticator"),
}


def give_rights(apps, schema_editor):
    alias = schema_editor.connection.alias
    types = apps.get_model("contenttypes", "ContentType").objects.using(alias)
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    owners, _ = apps.get_model("auth", "Group").objects.using(alias).get_or_create(name="Owners")
    for model, codenames in RIGHTS.items():
        content_type, _ = types.get_or_create(app_label="people", model=model)
        for codename in codenames:
            # Django itself makes permissions only after all migrations, and leaves ours as they are.
            permission, _ = permissions.get_or_create(
                content_type=content_type,
                codename=codename,
                defaults={"name": f"Can {codename.replace('_', ' ')}"},
            )
            owners.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0001_initial"),
        ("groups", "0002_roles"),
    ]

    operations = [migrations.RunPython(give_rights, migrations.RunPython.noop)]
