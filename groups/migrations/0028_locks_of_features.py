"""Name the holder of a lock by its feature and its id, where it is a planned change."""

from django.db import migrations, models
from django.db.models import F, Q

FEATURE = "schedules"


def name_holders(apps, schema_editor):
    locks = apps.get_model("groups", "Lock").objects.using(schema_editor.connection.alias)
    locks.exclude(schedule=None).update(feature=FEATURE, row_id=F("schedule"))


class Migration(migrations.Migration):
    dependencies = [("groups", "0027_leases")]

    operations = [
        migrations.AddField("lock", "feature", models.CharField(blank=True, default="", max_length=40)),
        migrations.AddField("lock", "row_id", models.UUIDField(null=True)),
        migrations.RemoveConstraint("lock", "lock_of_one_owner"),
        migrations.RunPython(name_holders, migrations.RunPython.noop),
        migrations.RemoveField("lock", "schedule"),
        migrations.AddConstraint(
            "lock",
            models.CheckConstraint(
                condition=(
                    Q(change__isnull=False, job__isnull=True, row_id__isnull=True, feature="")
                    | Q(change__isnull=True, job__isnull=False, row_id__isnull=True, feature="")
                    | (Q(change__isnull=True, job__isnull=True, row_id__isnull=False) & ~Q(feature=""))
                ),
                name="lock_of_one_owner",
            ),
        ),
    ]
