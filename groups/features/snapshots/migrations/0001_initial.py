import django.db.models.deletion
import django.utils.timezone
import poster_admin.common.encryption
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('groups', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Snapshot',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('user_name', models.CharField(max_length=150)),
                ('group_id', models.PositiveIntegerField()),
                ('group_name', models.CharField(max_length=400)),
                ('group', models.JSONField()),
                ('clients', models.PositiveIntegerField(default=0)),
                ('complete', models.BooleanField(default=False)),
                ('taken_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='snapshots', to='groups.posteraccount')),
                ('job', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='snapshots', to='groups.job')),
            ],
            options={
                'db_table': 'groups_snapshot',
                'ordering': ('-taken_at',),
                'default_permissions': (),
                'indexes': [models.Index(fields=['account', '-taken_at'], name='snapshot_by_account')],
            },
        ),
        migrations.CreateModel(
            name='SnapshotPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('rows', poster_admin.common.encryption.EncryptedField(editable=False)),
                ('snapshot', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='snapshots.snapshot')),
            ],
            options={
                'db_table': 'groups_snapshotpart',
                'ordering': ('number',),
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('snapshot', 'number'), name='one_part_a_number')],
            },
        ),
    ]
