"""Keep with a last good copy which writes of the account it may show."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("groups", "0033_right_to_change_criteria")]

    operations = [
        migrations.AddField(
            model_name="groupscopy", name="writes", field=models.PositiveBigIntegerField(null=True)
        ),
    ]
