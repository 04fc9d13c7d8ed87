import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('groups', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Schedule',
            fields=[
                ('request_id', models.UUIDField(db_index=True, null=True)),
                ('requested_by', models.CharField(blank=True, default='', max_length=150)),
                ('limit_reason', models.CharField(blank=True, default='', max_length=200)),
                ('allowed_clients', models.PositiveIntegerField(null=True)),
                ('holder', models.UUIDField(null=True)),
                ('held_until', models.DateTimeField(null=True)),
                ('next_at', models.DateTimeField(null=True)),
                ('tries', models.PositiveIntegerField(default=0)),
                ('refused_at', models.DateTimeField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('user_name', models.CharField(max_length=150)),
                ('group_id', models.PositiveIntegerField()),
                ('group_name', models.CharField(max_length=400)),
                ('base', models.JSONField()),
                ('planned', models.JSONField()),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField(null=True)),
                ('state', models.CharField(choices=[('requested', 'waiting for an approval'), ('planned', 'planned'), ('active', 'in force'), ('done', 'done'), ('held', 'held'), ('missed', 'missed'), ('cancelled', 'cancelled')], default='planned', max_length=9)),
                ('reason', models.CharField(blank=True, max_length=40)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('began_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('cancelled_at', models.DateTimeField(null=True)),
                ('cancelled_by_name', models.CharField(blank=True, max_length=150)),
                ('start_id', models.UUIDField()),
                ('return_id', models.UUIDField()),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='schedules', to='groups.posteraccount')),
                ('cancelled_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='cancelled_schedules', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'groups_schedule',
                'ordering': ('-created_at',),
                'default_permissions': (),
                'indexes': [models.Index(fields=['account', 'state', 'starts_at'], name='schedule_by_account'), models.Index(fields=['next_at'], name='schedule_due')],
            },
        ),
    ]
