import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('elsewhere', '0001_initial'),
        ('groups', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Roll',
            fields=[
                ('holder', models.UUIDField(null=True)),
                ('held_until', models.DateTimeField(null=True)),
                ('tries', models.PositiveIntegerField(default=0)),
                ('refused_at', models.DateTimeField(null=True)),
                ('watch', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='%(class)s', serialize=False, to='elsewhere.watch')),
                ('next_at', models.DateTimeField(default=django.utils.timezone.now, null=True)),
                ('fingerprint', models.CharField(blank=True, max_length=64)),
                ('packed', models.BinaryField(default=b'')),
                ('taken_at', models.DateTimeField(null=True)),
                ('judged_at', models.DateTimeField(null=True)),
            ],
            options={'default_permissions': ()},
        ),
        migrations.CreateModel(
            name='Movement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('client_id', models.PositiveIntegerField()),
                ('from_id', models.PositiveIntegerField(null=True)),
                ('to_id', models.PositiveIntegerField(null=True)),
                ('day', models.DateField()),
                ('reason', models.CharField(choices=[('here', 'moved here'), ('rule', "moved by a rule of Poster's"), ('elsewhere', 'moved in Poster, not here'), ('new', 'a new client'), ('removed', 'removed from Poster')], max_length=9)),
                ('change', models.UUIDField(null=True, unique=True)),
                ('found_at', models.DateTimeField()),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='movements', to='groups.posteraccount')),
            ],
            options={
                'ordering': ('-day', '-pk'),
                'default_permissions': (),
                'indexes': [models.Index(fields=['account', 'to_id', 'day'], name='movement_into'), models.Index(fields=['account', 'from_id', 'day'], name='movement_out_of'), models.Index(fields=['account', 'found_at'], name='movement_by_look')],
            },
        ),
    ]
