"""Staff and owners see who is in a group; managers look at groups, and need nobody's phone number for that."""

from django.db import migrations

RIGHT = ("view_client", "Can see the clients of a loyalty group")
ROLES = ("Staff", "Owners")


def give_right(apps, schema_editor):
    alias = schema_editor.connection.alias
    types = apps.get_model("contenttypes", "ContentType").objects.using(alias)
    content_type, _ = types.get_or_create(app_label="groups", model="change")
    # Django itself makes permissions only after all migrations, and leaves ours as they are.
    permission, _ = (
        apps.get_model("auth", "Permission")
        .objects.using(alias)
        .get_or_create(content_type=content_type, codename=RIGHT[0], defaults={"name": RIGHT[1]})
    )
    for role in ROLES:
        group, _ = apps.get_model("auth", "Group").objects.using(alias).get_or_create(name=role)
        group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("groups", "0003_company"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="change",
            options={
                "default_permissions": ("view",),
                "ordering": ("-created_at",),
                "permissions": (
                    ("view_group", "Can see loyalty groups"),
                    ("add_group", "Can create a loyalty group"),
                    ("change_group", "Can change a loyalty group"),
                    ("delete_group", "Can remove an empty loyalty group"),
                    ("delete_group_with_clients", "Can remove a loyalty group with its clients"),
                    RIGHT,
                    ("set_bonus_unit", "Can lift a block on birthday bonuses and set their unit"),
                ),
                "verbose_name": "change",
                "verbose_name_plural": "changes",
            },
        ),
        migrations.RunPython(give_right, migrations.RunPython.noop),
    ]
