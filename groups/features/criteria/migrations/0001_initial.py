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
            name='Criteria',
            fields=[
                ('holder', models.UUIDField(null=True)),
                ('held_until', models.DateTimeField(null=True)),
                ('next_at', models.DateTimeField(null=True)),
                ('tries', models.PositiveIntegerField(default=0)),
                ('refused_at', models.DateTimeField(null=True)),
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='criteria', serialize=False, to='groups.posteraccount')),
                ('table', models.JSONField()),
                ('fingerprint', models.CharField(max_length=32)),
                ('nightly', models.BooleanField(default=False)),
                ('user_name', models.CharField(max_length=150)),
                ('saved_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('night_at', models.DateTimeField(null=True)),
                ('held', models.CharField(blank=True, choices=[('no_user', 'The person who saved it is no longer here.'), ('token', 'The token of the person who saved it is no longer there or no longer valid.'), ('no_right', 'The person who saved it may not do this any more.'), ('group_gone', 'A group of the table is no longer in Poster.'), ('no_sales', 'The token of the person who saved it may not see sales.')], default='', max_length=10)),
                ('held_at', models.DateTimeField(null=True)),
                ('left_out_at', models.DateTimeField(null=True)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={'default_permissions': ()},
        ),
        migrations.CreateModel(
            name='CriteriaSave',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('user_name', models.CharField(max_length=150)),
                ('table', models.JSONField()),
                ('saved_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='criteria_saves', to='groups.posteraccount')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={'ordering': ('-saved_at',), 'default_permissions': ()},
        ),
        migrations.CreateModel(
            name='CriteriaPin',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('client_id', models.PositiveIntegerField()),
                ('reason', models.CharField(max_length=200)),
                ('until', models.DateField(null=True)),
                ('user_name', models.CharField(max_length=150)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='criteria_pins', to='groups.posteraccount')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('client_id',),
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('account', 'client_id'), name='one_pin_a_client')],
            },
        ),
    ]
