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
            name='Limits',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='limits', serialize=False, to='groups.posteraccount')),
                ('max_percent', models.DecimalField(decimal_places=2, max_digits=5, null=True)),
                ('max_rise', models.DecimalField(decimal_places=2, max_digits=5, null=True)),
                ('max_birthday_bonus', models.DecimalField(decimal_places=2, max_digits=10, null=True)),
                ('max_clients', models.PositiveIntegerField(null=True)),
                ('set_by', models.CharField(blank=True, max_length=150)),
                ('set_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={'db_table': 'groups_limits', 'default_permissions': ()},
        ),
        migrations.CreateModel(
            name='ApprovalRequest',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('user_name', models.CharField(max_length=150)),
                ('kind', models.CharField(max_length=8)),
                ('action', models.CharField(blank=True, max_length=6)),
                ('group_id', models.PositiveIntegerField(null=True)),
                ('group_name', models.CharField(blank=True, max_length=400)),
                ('loaded', models.JSONField(null=True)),
                ('intended', models.JSONField(null=True)),
                ('note', models.CharField(blank=True, default='', max_length=200)),
                ('breaches', models.JSONField(default=list)),
                ('effect', models.JSONField(null=True)),
                ('state', models.CharField(choices=[('waiting', 'waiting'), ('approved', 'approved'), ('refused', 'refused'), ('lapsed', 'lapsed')], default='waiting', max_length=8)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decided_by_name', models.CharField(blank=True, max_length=150)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='requests', to='groups.posteraccount')),
                ('again_of', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='groups.change')),
                ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='decided_requests', to=settings.AUTH_USER_MODEL)),
                ('job', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='requests', to='groups.job')),
                ('undo_of', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='groups.change')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'groups_approvalrequest',
                'ordering': ('-created_at',),
                'default_permissions': (),
                'indexes': [models.Index(fields=['account', 'state', 'created_at'], name='request_by_account'), models.Index(fields=['decided_at'], name='request_decided')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ('waiting', 'approved', 'refused', 'lapsed'))), name='known_state_of_request')],
            },
        ),
    ]
