from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("criteria", "0001_criteria")]

    operations = [
        migrations.AddField(
            model_name="criteria", name="left_out_at", field=models.DateTimeField(null=True)
        ),
    ]
