"""Give each address of a webhook a key of its own, which its notices and messages name.

They have named the account so far. A webhook that is there keeps that name as its key, so its notices stay
with it, and none is told a second time.
"""

import uuid

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F


def key_by_account(apps, schema_editor):
    webhooks = apps.get_model("groups", "Webhook").objects.using(schema_editor.connection.alias)
    webhooks.update(key=F("account_id"))


def new_key():
    return str(uuid.uuid4())


class Migration(migrations.Migration):

    dependencies = [
        ("groups", "0021_counter_of_moves"),
    ]

    operations = [
        migrations.AddField(
            model_name="webhook",
            name="key",
            field=models.CharField(editable=False, max_length=63, null=True),
        ),
        migrations.RunPython(key_by_account),
        migrations.AlterField(
            model_name="webhook",
            name="key",
            field=models.CharField(
                default=new_key, editable=False, max_length=63, unique=True
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="webhook",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="groups.webhook",
                to_field="key",
            ),
        ),
        migrations.AlterField(
            model_name="notice",
            name="webhook",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notices",
                to="groups.webhook",
                to_field="key",
            ),
        ),
    ]
