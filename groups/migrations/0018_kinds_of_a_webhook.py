"""Keep when each kind of a webhook was chosen; those of before were all chosen when it was set."""

from django.db import migrations, models


def add_times(apps, schema_editor):
    webhooks = apps.get_model("groups", "Webhook").objects.using(schema_editor.connection.alias)
    for webhook in webhooks.all():
        kinds = dict.fromkeys(webhook.kinds, webhook.set_at.isoformat())
        webhooks.filter(pk=webhook.pk).update(kinds=kinds)


def remove_times(apps, schema_editor):
    webhooks = apps.get_model("groups", "Webhook").objects.using(schema_editor.connection.alias)
    for webhook in webhooks.all():
        webhooks.filter(pk=webhook.pk).update(kinds=list(webhook.kinds))


class Migration(migrations.Migration):

    dependencies = [
        ("groups", "0017_notices_of_requests"),
    ]

    operations = [
        migrations.AlterField(
            model_name="webhook",
            name="kinds",
            field=models.JSONField(default=dict),
        ),
        migrations.RunPython(add_times, remove_times),
        migrations.RemoveField(
            model_name="webhook",
            name="set_at",
        ),
    ]
