"""The right to set criteria and to run them, for Owners."""

from django.db import migrations

CODENAME = "change_criteria"


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
        ("groups", "0032_words_of_states"),
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
                    ("view_client", "Can see the clients of a loyalty group"),
                    ("move_client", "Can move clients from one loyalty group to another"),
                    ("view_snapshot", "Can download and restore what was in a loyalty group"),
                    ("view_sales", "Can see the sales of a loyalty group, and what a percent costs"),
                    ("set_bonus_unit", "Can lift a block on birthday bonuses and set their unit"),
                    ("watch_account", "Can let the worker look for changes made elsewhere"),
                    ("set_webhook", "Can set the address to which the notices of an account are sent"),
                    ("exceed_limits", "Can set the limits of an account, and let changes go beyond them"),
                    ("change_criteria", "Can set the criteria of an account, and run them"),
                ),
                "verbose_name": "change",
                "verbose_name_plural": "changes",
            },
        ),
        migrations.RunPython(give_to_owners, migrations.RunPython.noop),
    ]
