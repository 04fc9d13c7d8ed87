"""Count for each ended job the clients that it has moved, so that its groups find it."""

import django.db.models.deletion
from django.db import migrations, models


def count_moved(apps, schema_editor):
    change, moved = apps.get_model("groups", "Change"), apps.get_model("groups", "MovedClients")
    made = change.objects.filter(
        job__state__in=("done", "cancelled"), state__in=("applied", "differs"), action__in=("move", "enrol")
    )
    ways = made.order_by().values_list("job_id", "loaded__group_id", "intended__group_id")
    moved.objects.bulk_create(
        moved(job_id=job_id, from_id=from_id, to_id=to_id, clients=clients)
        for job_id, from_id, to_id, clients in ways.annotate(models.Count("pk"))
    )


class Migration(migrations.Migration):

    dependencies = [
        ('groups', '0037_circuit_of_statistics'),
    ]

    operations = [
        migrations.CreateModel(
            name='MovedClients',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('from_id', models.PositiveIntegerField(db_index=True, null=True)),
                ('to_id', models.PositiveIntegerField(db_index=True)),
                ('clients', models.PositiveIntegerField()),
                ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='moved', to='groups.job')),
            ],
            options={
                'ordering': ('-clients',),
                'default_permissions': (),
            },
        ),
        migrations.RunPython(count_moved, migrations.RunPython.noop, elidable=True),
    ]
