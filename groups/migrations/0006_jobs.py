"""Jobs, snapshots, and changes of clients: staff and owners move clients, owners restore them."""

import django.db.models.deletion
import django.utils.timezone
import groups.crypto
import uuid
from django.conf import settings
from django.db import migrations, models


RIGHTS = {
    "move_client": ("Can move clients from one loyalty group to another", ("Staff", "Owners")),
    "view_snapshot": ("Can download and restore what was in a loyalty group", ("Owners",)),
}


def give_rights(apps, schema_editor):
    alias = schema_editor.connection.alias
    types = apps.get_model("contenttypes", "ContentType").objects.using(alias)
    content_type, _ = types.get_or_create(app_label="groups", model="change")
    groups = apps.get_model("auth", "Group").objects.using(alias)
    for codename, (name, roles) in RIGHTS.items():
        # Django itself makes permissions only after all migrations, and leaves ours as they are.
        permission, _ = (
            apps.get_model("auth", "Permission")
            .objects.using(alias)
            .get_or_create(content_type=content_type, codename=codename, defaults={"name": name})
        )
        for role in roles:
            groups.get_or_create(name=role)[0].permissions.add(permission)


class Migration(migrations.Migration):

    dependencies = [
        ('groups', '0005_journal_indexes'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('user_name', models.CharField(max_length=150)),
                ('kind', models.CharField(choices=[('move', 'clients moved'), ('retire', 'group retired'), ('restore', 'group restored'), ('edit', 'groups edited'), ('import', 'groups imported')], max_length=7)),
                ('group_id', models.PositiveIntegerField(null=True)),
                ('group_name', models.CharField(blank=True, max_length=400)),
                ('target_id', models.PositiveIntegerField(null=True)),
                ('target_name', models.CharField(blank=True, max_length=400)),
                ('wanted', models.JSONField(default=dict)),
                ('total', models.PositiveIntegerField(default=0)),
                ('unreadable', models.PositiveIntegerField(default=0)),
                ('tested', models.BooleanField(default=False)),
                ('state', models.CharField(choices=[('waiting', 'waiting for its turn'), ('running', 'at work'), ('paused', 'paused'), ('stopped', 'stopped by itself'), ('done', 'ended'), ('cancelled', 'cancelled')], default='waiting', max_length=9)),
                ('reason', models.CharField(blank=True, max_length=40)),
                ('detail', models.CharField(blank=True, max_length=400)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('holder', models.UUIDField(null=True)),
                ('held_until', models.DateTimeField(null=True)),
                ('task_id', models.CharField(blank=True, max_length=64)),
            ],
            options={
                'verbose_name': 'job',
                'verbose_name_plural': 'jobs',
                'ordering': ('-created_at',),
                'default_permissions': (),
            },
        ),
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
            ],
            options={
                'verbose_name': 'snapshot',
                'verbose_name_plural': 'snapshots',
                'ordering': ('-taken_at',),
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='SnapshotPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('rows', groups.crypto.EncryptedField(editable=False)),
            ],
            options={
                'verbose_name': 'part of a snapshot',
                'verbose_name_plural': 'parts of snapshots',
                'ordering': ('number',),
                'default_permissions': (),
            },
        ),
        migrations.AlterModelOptions(
            name='change',
            options={'default_permissions': ('view',), 'ordering': ('-created_at',), 'permissions': (('view_group', 'Can see loyalty groups'), ('add_group', 'Can create a loyalty group'), ('change_group', 'Can change a loyalty group'), ('delete_group', 'Can remove an empty loyalty group'), ('delete_group_with_clients', 'Can remove a loyalty group with its clients'), ('view_client', 'Can see the clients of a loyalty group'), ('move_client', 'Can move clients from one loyalty group to another'), ('view_snapshot', 'Can download and restore what was in a loyalty group'), ('set_bonus_unit', 'Can lift a block on birthday bonuses and set their unit')), 'verbose_name': 'change', 'verbose_name_plural': 'changes'},
        ),
        migrations.RemoveIndex(
            model_name='change',
            name='change_by_account',
        ),
        migrations.RemoveIndex(
            model_name='change',
            name='change_by_state',
        ),
        migrations.RemoveIndex(
            model_name='change',
            name='change_by_user',
        ),
        migrations.RemoveIndex(
            model_name='change',
            name='change_by_action',
        ),
        migrations.AddField(
            model_name='change',
            name='client_id',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name='change',
            name='action',
            field=models.CharField(choices=[('create', 'created'), ('update', 'changed'), ('remove', 'removed'), ('move', 'client moved'), ('enrol', 'client created')], max_length=6),
        ),
        migrations.AddField(
            model_name='job',
            name='account',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='groups.posteraccount'),
        ),
        migrations.AddField(
            model_name='job',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='jobs', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='change',
            name='job',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='groups.job'),
        ),
        migrations.AddIndex(
            model_name='change',
            index=models.Index(condition=models.Q(('client_id__isnull', True)), fields=['account', '-created_at'], name='change_by_account'),
        ),
        migrations.AddIndex(
            model_name='change',
            index=models.Index(condition=models.Q(('client_id__isnull', True)), fields=['account', 'state', '-created_at'], name='change_by_state'),
        ),
        migrations.AddIndex(
            model_name='change',
            index=models.Index(condition=models.Q(('client_id__isnull', True)), fields=['account', 'user_name', '-created_at'], name='change_by_user'),
        ),
        migrations.AddIndex(
            model_name='change',
            index=models.Index(condition=models.Q(('client_id__isnull', True)), fields=['account', 'action', '-created_at'], name='change_by_action'),
        ),
        migrations.AddIndex(
            model_name='change',
            index=models.Index(fields=['job', 'client_id'], name='change_by_client'),
        ),
        migrations.AddIndex(
            model_name='change',
            index=models.Index(fields=['job', 'state', 'reason'], name='change_by_job'),
        ),
        migrations.AddField(
            model_name='snapshot',
            name='account',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='snapshots', to='groups.posteraccount'),
        ),
        migrations.AddField(
            model_name='snapshot',
            name='job',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='snapshots', to='groups.job'),
        ),
        migrations.AddField(
            model_name='snapshotpart',
            name='snapshot',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='groups.snapshot'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(fields=['account', '-created_at'], name='job_by_account'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(fields=['state', 'held_until'], name='job_open'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('waiting', 'running', 'paused', 'stopped'))), fields=('account', 'group_id'), name='one_job_a_group'),
        ),
        migrations.AddIndex(
            model_name='snapshot',
            index=models.Index(fields=['account', '-taken_at'], name='snapshot_by_account'),
        ),
        migrations.AddConstraint(
            model_name='snapshotpart',
            constraint=models.UniqueConstraint(fields=('snapshot', 'number'), name='one_part_a_number'),
        ),
        migrations.RunPython(give_rights, migrations.RunPython.noop),
    ]
