"""Remember when a worker last ran without a feature."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("groups", "0030_features")]

    operations = [
        migrations.CreateModel(
            name="LeftOutFeature",
            fields=[
                ("feature", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "feature that was left out",
                "verbose_name_plural": "features that were left out",
                "default_permissions": (),
            },
        ),
    ]
