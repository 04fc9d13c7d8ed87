import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('groups', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Watch',
            fields=[
                ('holder', models.UUIDField(null=True)),
                ('held_until', models.DateTimeField(null=True)),
                ('next_at', models.DateTimeField(null=True)),
                ('tries', models.PositiveIntegerField(default=0)),
                ('refused_at', models.DateTimeField(null=True)),
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='watch', serialize=False, to='groups.posteraccount')),
                ('fingerprint', models.CharField(blank=True, max_length=64)),
                ('picture', models.JSONField(default=dict)),
                ('looked_at', models.DateTimeField(null=True)),
                ('credentials', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='watches', to='groups.postercredentials')),
            ],
            options={'db_table': 'groups_watch', 'default_permissions': ()},
        ),
    ]
