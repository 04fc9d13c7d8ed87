"""Name the approved request of a change, a job and a planned change by its id, without a foreign key."""

from django.db import migrations, models


def drop_foreign_key(model):
    """Keep the column, its values and its index: only the name in Python is another one."""
    column = {"null": True, "db_index": True}
    return (
        migrations.AlterField(model, "request", models.UUIDField(**column, db_column="request_id")),
        migrations.RenameField(model, "request", "request_id"),
        migrations.AlterField(model, "request_id", models.UUIDField(**column)),
    )


class Migration(migrations.Migration):
    dependencies = [("groups", "0028_locks_of_features")]
    operations = [
        *drop_foreign_key("change"),
        *drop_foreign_key("job"),
        *drop_foreign_key("schedule"),
    ]
