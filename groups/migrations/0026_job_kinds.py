from django.db import migrations, models


class Migration(migrations.Migration):
    """The kinds of jobs are classes of the features, so the column has no choices, and room for longer names."""

    dependencies = [
        ('groups', '0025_undo_of_a_job'),
    ]

    operations = [
        migrations.AlterField(
            model_name='job',
            name='kind',
            field=models.CharField(max_length=20),
        ),
    ]
