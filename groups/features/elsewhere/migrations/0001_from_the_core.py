"""Take the table over from the core, as it is."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ('groups', '0030_features'),
    ]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name='Watch',
                    fields=[
                        ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='watch', serialize=False, to='groups.posteraccount')),
                        ('fingerprint', models.CharField(blank=True, max_length=64)),
                        ('picture', models.JSONField(default=dict)),
                        ('looked_at', models.DateTimeField(null=True)),
                        ('next_look_at', models.DateTimeField(default=django.utils.timezone.now)),
                        ('holder', models.UUIDField(null=True)),
                        ('held_until', models.DateTimeField(null=True)),
                        ('credentials', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='watches', to='groups.postercredentials')),
                    ],
                    options={
                        'verbose_name': 'watch',
                        'verbose_name_plural': 'watches',
                        'db_table': 'groups_watch',
                        'default_permissions': (),
                    },
                ),
            ]
        )
    ]
