"""The right to set limits and to let changes go beyond them, for Owners."""

from django.db import migrations

CODENAME = "exceed_limits"


def give_to_owners(apps, schema_editor):
    alias = schema_editor.connection.alias
    content_type, _ = (
        apps.get_model("contenttypes", "ContentType")
        .objects.using(alias)
        .get_or_create(app_label="groups", model="change")
    )
    names = dict(apps.get_model("groups", "Change")._meta.permissions)
    # Django itself makes permissions only after all migrations, and leaves this one as it is.
    permission, _ = (
        apps.get_model("auth", "Permission")
        .objects.using(alias)
        .get_or_create(
            content_type=content_type, codename=CODENAME, defaults={"name": names[CODENAME]}
        )
    )
    owners, _ = apps.get_model("auth", "Group").objects.using(alias).get_or_create(name="Owners")
    owners.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("groups", "0015_limits"),
    ]

    operations = [migrations.RunPython(give_to_owners, migrations.RunPython.noop)]
