import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('groups', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='ClientCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('group_id', models.PositiveIntegerField()),
                ('day', models.DateField()),
                ('clients', models.PositiveBigIntegerField()),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='client_counts', to='groups.posteraccount')),
            ],
            options={
                'db_table': 'groups_clientcount',
                'ordering': ('day',),
                'default_permissions': (),
                'indexes': [models.Index(fields=['account', 'day'], name='count_by_day')],
                'constraints': [models.UniqueConstraint(fields=('account', 'group_id', 'day'), name='one_count_a_group_and_day')],
            },
        ),
    ]
